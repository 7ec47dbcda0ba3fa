// IP addresses, endpoints (address and port) and CIDR networks as values. An IPv4 address is the
// same value whether it was seen on an IPv4 or a dual-stack socket (::ffff:a.b.c.d, RFC
// 4291 2.5.5.2). Immutable values; safe from any thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace piecework {

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0

  // Dotted IPv4 or any RFC 4291 text form of IPv6, without brackets or zone. Nothing when it is
  // neither (a host name, for one).
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress from_sockaddr(const sockaddr_storage& address);

  bool is_v4() const;
  bool is_unspecified() const;
  std::string to_string() const;                                        // "127.0.0.1", "::1"
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }  // IPv4 in mapped form

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // "1.2.3.4:80" or "[::1]:80"; numbers only. Nothing when it is not that.
  static std::optional<Endpoint> parse(std::string_view text);
  static Endpoint from_sockaddr(const sockaddr_storage& address);

  std::string to_string() const;
  // Fills `out`; the length is what connect(2) and bind(2) take.
  socklen_t to_sockaddr(sockaddr_storage& out) const;

  auto operator<=>(const Endpoint&) const = default;
};

// A host as a person writes it: a name or an address, and a port.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  // "host:80", "1.2.3.4:80", "[::1]:80". Nothing when it is not that; problem() then says why.
  static std::optional<HostPort> parse(std::string_view text);
  static std::string problem(std::string_view text);  // empty when parse() takes it
  std::string to_string() const;
  bool operator==(const HostPort&) const = default;
};

// Why `host` can be neither a name nor an address (without brackets); empty when it may be one: at
// most 255 bytes (RFC 1035 section 2.3.4) of printable text without a blank.
std::string host_problem(std::string_view host);

// Addresses of `target` by getaddrinfo(3), in its order. Throws std::runtime_error naming the host
// and the resolver's reason. Blocks as long as the resolver does.
std::vector<Endpoint> resolve(const HostPort& target);

// "10.0.0.0/8", "fd00::/8", or a single address. Each family is for itself: "::/0" holds no IPv4
// address, and "0.0.0.0/0" no other. "::ffff:10.0.0.0/104" is the first of these as well.
class Network {
 public:
  static std::optional<Network> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  const IpAddress& base() const { return base_; }  // as written: bits after the prefix may be set
  int prefix_bits() const { return bits_; }        // of the 128-bit mapped form: an IPv4 /8 has 104
  std::string to_string() const;
  bool operator==(const Network&) const = default;

 private:
  IpAddress base_;
  int bits_ = 128;  // of the 128-bit mapped form
};

}  // namespace piecework

template <>
struct std::hash<piecework::IpAddress> {
  std::size_t operator()(const piecework::IpAddress& address) const noexcept;
};
template <>
struct std::hash<piecework::Endpoint> {
  std::size_t operator()(const piecework::Endpoint& endpoint) const noexcept;
};
