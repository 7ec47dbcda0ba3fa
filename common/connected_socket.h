// One TCP socket with deadlines: what stream.h stands on, and the only place that sends or receives
// on one. The socket is non-blocking and waited for with poll(2), because a blocking call has no
// deadline. EINTR is retried here and nowhere else; SIGPIPE is never raised. One thread may receive
// while another sends; of these two, whoever sends may send from any thread, one at a time.
// shutdown() may be called from any thread, at any time in its life, and wakes all.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "common/clock.h"
#include "common/endpoint.h"
#include "common/unique_fd.h"

namespace piecework {

class ConnectedSocket {
 public:
  // Takes over a TCP socket (or one of a Unix socket pair, in tests), connected or about to be.
  explicit ConnectedSocket(UniqueFd socket);
  ConnectedSocket(ConnectedSocket&& other) noexcept;
  ConnectedSocket& operator=(ConnectedSocket&& other) noexcept;
  ~ConnectedSocket() = default;

  // The same for one that is non-blocking already and sends small messages at once (TCP_NODELAY).
  static ConnectedSocket prepared(UniqueFd socket);

  // Throws std::system_error (refused, unreachable, shut down) or TimeoutError.
  void connect(const Endpoint& remote, Deadline deadline);

  // Receives at least one byte, at most buffer.size(); returns how many, 0 at end of stream,
  // nothing when the deadline passed. If it has to wait, then until `wake_at` bytes are there.
  // Throws std::system_error.
  std::optional<std::size_t> try_recv(std::span<std::byte> buffer, std::size_t wake_at,
                                      Deadline deadline);

  // Sends at least one byte of `data` (not empty); returns how many. With `more` the kernel may
  // wait for what is sent next (MSG_MORE). Throws TimeoutError, std::system_error.
  std::size_t send_some(std::span<const std::byte> data, Deadline deadline, bool more = false);

  // Sends what the kernel takes at once; 0 when that is nothing. Throws std::system_error.
  std::size_t try_send(std::span<const std::byte> data, bool more = false);

  // Sends `length` bytes of the open file `file` from `offset`, by sendfile(2). Throws
  // FileReadError when the file is at fault (an I/O error, or shorter than that), else as
  // send_some().
  void send_file(int file, std::uint64_t offset, std::uint64_t length, Deadline deadline);

  // Ends both directions and wakes whoever stands in a call. What has arrived and has not been
  // received never is: try_recv() returns 0 from now on. Data not yet sent is still delivered
  // unless there is such, since closing the socket then resets the connection (RFC 2525
  // section 2.17).
  void shutdown() noexcept;

  // No more will be sent; the other side reads to its end.
  void finish_sending() noexcept;

  // Dead hosts are noticed even when neither side has anything to say (tcp(7) keep-alive).
  void enable_tcp_keepalive();

  // Bytes the kernel may hold in each direction (SO_SNDBUF, SO_RCVBUF; socket(7) doubles them).
  void set_buffer_bytes(int bytes);

  // Since when nothing has gone out though something waits to: the other side has no room, as when
  // nobody there reads. kNoDeadline when nothing waits, and for what is no TCP.
  TimePoint stalled_since() const noexcept;

  // The other side has ended its direction, or all of it, and what it has sent can still be
  // received; or shutdown() was called.
  bool is_left() const noexcept;

  // After both sides have ended their direction: waits until the other one has confirmed all that
  // was sent. False when it had not by `deadline`, or before a shutdown(). Throws std::system_error
  // when it broke the connection off, as it does when it closes with something unread.
  bool is_all_taken(Deadline deadline);

  Endpoint local_endpoint() const;
  Endpoint remote_endpoint() const;

 private:
  struct Prepared {};
  ConnectedSocket(UniqueFd socket, Prepared) : socket_(std::move(socket)) {}

  bool is_ready(short events, Deadline deadline);
  void wait_for(short events, Deadline deadline, const char* what);

  UniqueFd socket_;
  int low_water_ = 1;  // SO_RCVLOWAT, as it is set
  std::atomic<bool> shut_down_ = false;
};

}  // namespace piecework
