#include "common/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace piecework {
namespace {

constexpr int kBacklog = 1024;
constexpr int kFreePortAttempts = 32;

// Listens on all of `endpoints`, with `port` in place of a port of 0 (0 again: the kernel chooses,
// and `port` becomes what it chose).
std::vector<UniqueFd> listen_with_free_port(const std::vector<Endpoint>& endpoints,
                                            std::uint16_t& port) {
  std::vector<UniqueFd> sockets;
  for (Endpoint endpoint : endpoints) {
    const bool any_port = endpoint.port == 0;
    if (any_port) endpoint.port = port;
    try {
      sockets.push_back(listen_tcp(endpoint));
    } catch (const std::system_error& error) {
      const bool no_such_family =
          error.code().value() == EAFNOSUPPORT ||
          (error.code().value() == EADDRNOTAVAIL && endpoint.address.is_unspecified());
      if (!no_such_family || endpoints.size() == 1) throw;
      continue;
    }
    if (any_port) port = socket_name(sockets.back().get()).port;
  }
  return sockets;
}

}  // namespace

void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd open_tcp_socket(int family) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) throw_errno("socket");
  return socket;
}

void set_buffer_bytes(int socket, int bytes) {
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Endpoint socket_name(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) < 0) {
    throw_errno("getsockname");
  }
  return Endpoint::from_sockaddr(address);
}

UniqueFd listen_tcp(const Endpoint& endpoint) {
  const int family = endpoint.address.is_v4() ? AF_INET : AF_INET6;
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) throw_errno("socket for " + endpoint.to_string());
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage address;
  const socklen_t length = endpoint.to_sockaddr(address);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    throw_errno("bind " + endpoint.to_string());
  }
  if (::listen(socket.get(), kBacklog) < 0) throw_errno("listen " + endpoint.to_string());
  return socket;
}

std::vector<UniqueFd> listen_all(const std::vector<Endpoint>& endpoints) {
  for (int attempt = 1;; ++attempt) {
    std::uint16_t free_port = 0;
    try {
      std::vector<UniqueFd> sockets = listen_with_free_port(endpoints, free_port);
      if (!sockets.empty()) return sockets;
      errno = EAFNOSUPPORT;
      throw_errno("listen");
    } catch (const std::system_error& error) {
      // A port that was free in one family may be taken in the other: choose again.
      const bool unlucky = error.code().value() == EADDRINUSE && free_port != 0;
      if (!unlucky || attempt == kFreePortAttempts) throw;
    }
  }
}

}  // namespace piecework
