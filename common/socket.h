// Making and taking TCP sockets (socket(7), tcp(7), ip(7), ipv6(7)). What happens on a connected
// one is stream.h. Safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "common/endpoint.h"
#include "common/unique_fd.h"

namespace piecework {

// The file behind a send was at fault, not the connection.
class FileReadError : public std::system_error {
  using std::system_error::system_error;
};

// Throws std::system_error for the current errno; `what` names the call and what it was about.
[[noreturn]] void throw_errno(const std::string& what);

// A new TCP socket of that family, close-on-exec.
UniqueFd open_tcp_socket(int family);

// How much the kernel holds each way for `socket`, or for those accepted from it. Good for the
// receiving side only before the connection is made: the window agreed upon then stays (tcp(7)).
void set_buffer_bytes(int socket, int bytes);

// The local address of a bound socket. Throws std::system_error.
Endpoint socket_name(int socket);

// A non-blocking listening socket with SO_REUSEADDR; an IPv6 one takes IPv6 only, so that a
// wildcard of each family can stand side by side. Throws std::system_error naming the endpoint.
UniqueFd listen_tcp(const Endpoint& endpoint);

// One for each of `endpoints`. A port of 0 is one free port for all that ask for it: the same
// number in both families. A family that this host does not have is left out, unless that leaves
// nothing.
std::vector<UniqueFd> listen_all(const std::vector<Endpoint>& endpoints);

}  // namespace piecework
