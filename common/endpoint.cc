#include "common/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "common/utf8.h"

namespace piecework {
namespace {

constexpr std::size_t kMappedPrefixBytes = 12;
constexpr int kMappedPrefixBits = 96;
constexpr std::size_t kMaxHostBytes = 255;  // RFC 1035 section 2.3.4

IpAddress address_of(const in_addr& v4) {
  sockaddr_storage storage{};
  auto& in = reinterpret_cast<sockaddr_in&>(storage);
  in.sin_family = AF_INET;
  in.sin_addr = v4;
  return IpAddress::from_sockaddr(storage);
}

IpAddress address_of(const in6_addr& v6) {
  sockaddr_storage storage{};
  auto& in6 = reinterpret_cast<sockaddr_in6&>(storage);
  in6.sin6_family = AF_INET6;
  in6.sin6_addr = v6;
  return IpAddress::from_sockaddr(storage);
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_ipv6(std::string_view text) {
  return text.find(':') != std::string_view::npos && IpAddress::parse(text);
}

// Fills `out`, or says why `text` is no host and port.
std::string read_host_port(std::string_view text, HostPort& out) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return "no port";
  std::string_view host = text.substr(0, colon);
  if (std::string problem = host_problem(host); !problem.empty()) return problem;
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) return "only an IPv6 address stands in brackets";
  } else if (is_ipv6(host) || is_ipv6(text)) {
    return "an IPv6 address needs brackets";  // or its last group would pass for a port
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return "the host holds a colon or a bracket";
  }
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return "the port is no number from 0 to 65535";
  out = {std::string(host), *port};
  return "";
}

std::size_t hash_bytes(const std::array<std::uint8_t, 16>& bytes, std::size_t seed) {
  return std::hash<std::string_view>{}(
             {reinterpret_cast<const char*>(bytes.data()), bytes.size()}) ^
         (seed * 0x9e3779b97f4a7c15ULL);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string name(text);  // inet_pton wants a NUL; one inside ends the text and fails below
  if (name.find('\0') != std::string::npos) return std::nullopt;
  in_addr v4;
  if (::inet_pton(AF_INET, name.c_str(), &v4) == 1) return address_of(v4);
  in6_addr v6;
  if (::inet_pton(AF_INET6, name.c_str(), &v6) == 1) return address_of(v6);
  return std::nullopt;
}

IpAddress IpAddress::from_sockaddr(const sockaddr_storage& address) {
  IpAddress result;
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    std::memcpy(result.bytes_.data() + kMappedPrefixBytes, &in.sin_addr, sizeof in.sin_addr);
  } else if (address.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(result.bytes_.data(), &in6.sin6_addr, result.bytes_.size());
  }
  return result;
}

bool IpAddress::is_v4() const {
  return std::equal(bytes_.begin(), bytes_.begin() + kMappedPrefixBytes,
                    IpAddress().bytes_.begin());
}

bool IpAddress::is_unspecified() const {
  return *this == IpAddress() ||
         std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (!is_v4()) return ::inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  // A tracker's answer is made of these, and inet_ntop takes five times as long.
  char* end = text;
  for (std::size_t i = kMappedPrefixBytes; i < bytes_.size(); ++i) {
    if (end != text) *end++ = '.';
    end = std::to_chars(end, std::end(text), bytes_[i]).ptr;
  }
  return {text, end};
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto split = HostPort::parse(text);
  if (!split) return std::nullopt;
  const auto address = IpAddress::parse(split->host);
  if (!address) return std::nullopt;
  return Endpoint{*address, split->port};
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& address) {
  Endpoint endpoint;
  endpoint.address = IpAddress::from_sockaddr(address);
  if (address.ss_family == AF_INET) {
    endpoint.port = ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  } else if (address.ss_family == AF_INET6) {
    endpoint.port = ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return endpoint;
}

std::string Endpoint::to_string() const {
  return HostPort{address.to_string(), port}.to_string();
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& out) const {
  std::memset(&out, 0, sizeof out);
  if (address.is_v4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(out);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data() + kMappedPrefixBytes, sizeof in.sin_addr);
    return sizeof in;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, address.bytes().data(), sizeof in6.sin6_addr);
  return sizeof in6;
}

std::optional<HostPort> HostPort::parse(std::string_view text) {
  HostPort result;
  if (!read_host_port(text, result).empty()) return std::nullopt;
  return result;
}

std::string HostPort::problem(std::string_view text) {
  HostPort ignored;
  return read_host_port(text, ignored);
}

std::string HostPort::to_string() const {
  const bool bracket = host.find(':') != std::string::npos;
  return (bracket ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string host_problem(std::string_view host) {
  if (host.empty()) return "the host is empty";
  if (host.size() > kMaxHostBytes) return "the host is longer than 255 bytes";
  for (std::size_t at = 0; at < host.size();) {
    const std::size_t length = utf8_printable_prefix(host.substr(at));
    if (length == 0) return "the host holds what is no printable character";
    if (host[at] == ' ') return "the host holds a blank";
    at += length;
  }
  return "";
}

std::vector<Endpoint> resolve(const HostPort& target) {
  if (const auto literal = IpAddress::parse(target.host)) return {{*literal, target.port}};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(target.host.c_str(), nullptr, &hints, &found);
  if (error != 0) throw std::runtime_error(target.host + ": " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, info->ai_addr, info->ai_addrlen);
    endpoints.push_back({IpAddress::from_sockaddr(storage), target.port});
  }
  return endpoints;
}

std::optional<Network> Network::parse(std::string_view text) {
  Network network;
  const std::size_t slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  network.base_ = *base;
  if (slash == std::string_view::npos) return network;
  const auto bits = parse_number<int>(text.substr(slash + 1));
  if (!bits || *bits < 0 || *bits > 128) return std::nullopt;
  network.bits_ = *bits;
  if (!base->is_v4()) return network;
  const bool mapped = text.find(':') != std::string_view::npos && *bits >= kMappedPrefixBits;
  if (!mapped && *bits > 32) return std::nullopt;
  if (!mapped) network.bits_ += kMappedPrefixBits;
  return network;
}

bool Network::contains(const IpAddress& address) const {
  if (address.is_v4() != base_.is_v4()) return false;
  for (int bit = 0; bit < bits_; bit += 8) {
    const int used = std::min(8, bits_ - bit);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - used));
    const auto i = static_cast<std::size_t>(bit / 8);
    if ((address.bytes()[i] & mask) != (base_.bytes()[i] & mask)) return false;
  }
  return true;
}

std::string Network::to_string() const {
  const int bits = base_.is_v4() ? bits_ - kMappedPrefixBits : bits_;
  return base_.to_string() + "/" + std::to_string(bits);
}

}  // namespace piecework

std::size_t std::hash<piecework::IpAddress>::operator()(
    const piecework::IpAddress& address) const noexcept {
  return piecework::hash_bytes(address.bytes(), 0);
}

std::size_t std::hash<piecework::Endpoint>::operator()(
    const piecework::Endpoint& endpoint) const noexcept {
  return piecework::hash_bytes(endpoint.address.bytes(), endpoint.port);
}
