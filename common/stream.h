// One TCP connection as a stream of bytes, in the clear or in TLS (tls_session.h). All traffic of a
// connection goes through this type. Calls block until their deadline. One thread may receive while
// another sends. shutdown() may be called from any thread, at any time in the stream's life, and
// wakes both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "common/clock.h"
#include "common/connected_socket.h"
#include "common/endpoint.h"
#include "common/unique_fd.h"

namespace piecework {

class TlsContext;
class TlsSession;

class Stream {
 public:
  // Takes over a connected TCP socket (or a Unix socket pair, in tests).
  explicit Stream(UniqueFd socket);
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream();

  // The same for one that is non-blocking already and sends small messages at once (TCP_NODELAY),
  // as those do that are accepted so from a listener that is set so: three system calls less.
  static Stream prepared(UniqueFd socket);

  // A socket for `remote` that is not connected yet, so that shutdown() can reach it meanwhile.
  static Stream unconnected(const Endpoint& remote);
  // Throws std::system_error (refused, unreachable, shut down) or TimeoutError.
  void connect(const Endpoint& remote, Deadline deadline);

  // Everything goes through TLS from here on, in the role of who connected or of who accepted.
  // Before a second thread uses the stream. Throw as TlsSession does; accept_tls() is false when
  // the stream ended before its first byte. In TLS, what the other side does against it is a
  // ProtocolError in each of the calls below.
  void connect_tls(const TlsContext& context, Deadline deadline);
  bool accept_tls(const TlsContext& context, Deadline deadline);

  // Receives at least one byte, at most buffer.size(); returns how many, 0 at end of stream.
  // Throws TimeoutError, std::system_error.
  std::size_t recv_some(std::span<std::byte> buffer, Deadline deadline);

  // The same, with nothing instead of TimeoutError.
  std::optional<std::size_t> try_recv_some(std::span<std::byte> buffer, Deadline deadline);

  // Receives exactly buffer.size() bytes. False when the stream ended before the first of them;
  // ProtocolError "truncated" when it ended later. Throws TimeoutError, std::system_error.
  bool recv_exact(std::span<std::byte> buffer, Deadline deadline);

  // Sends all of `data`. With `more` the kernel may wait for what is sent next (MSG_MORE).
  // Throws TimeoutError, std::system_error; then an unknown part has gone out.
  void send_all(std::span<const std::byte> data, Deadline deadline, bool more = false);

  // Sends `length` bytes of the open file `file` from `offset`, by sendfile(2) when
  // in the clear. Throws
  // FileReadError when the file is at fault (an I/O error, or shorter than that), else as send_all.
  void send_file(int file, std::uint64_t offset, std::uint64_t length, Deadline deadline);

  // Ends both directions and wakes whoever stands in a call. What has arrived and has not been
  // received never is. Data not yet sent is still delivered unless there is such: who has last
  // words calls drain() first.
  void shutdown() noexcept { socket_.shutdown(); }

  // No more will be sent; the other side reads to its end.
  void finish_sending() noexcept;

  // Waits for the other side's end of stream, throwing away what comes, at most until `deadline`:
  // closing earlier, with bytes unread, would reset the connection and lose what it has not read.
  void drain(Deadline deadline) noexcept;

  // Dead hosts are noticed even when neither side has anything to say (tcp(7) keep-alive).
  void enable_tcp_keepalive() { socket_.enable_tcp_keepalive(); }

  // Bytes the kernel may hold in each direction (SO_SNDBUF, SO_RCVBUF; socket(7) doubles them).
  void set_buffer_bytes(int bytes) { socket_.set_buffer_bytes(bytes); }

  // Since when nothing has gone out though something waits to: the other side has no room, as when
  // nobody there reads. kNoDeadline when nothing waits.
  TimePoint stalled_since() const noexcept { return socket_.stalled_since(); }

  // The other side has ended its direction, or all of it, as far as the kernel has heard, and what
  // it has sent can still be received; or shutdown() was called.
  bool is_left() const noexcept { return socket_.is_left(); }

  // After finish_sending() and the other side's end of stream: waits until it has confirmed all
  // that was sent. False when it had not by `deadline`, or before a shutdown(). Throws
  // std::system_error when it broke the connection off, as it does when it closes with something
  // unread. For TCP only.
  bool is_all_taken(Deadline deadline) { return socket_.is_all_taken(deadline); }

  Endpoint local_endpoint() const { return socket_.local_endpoint(); }
  Endpoint remote_endpoint() const { return socket_.remote_endpoint(); }

 private:
  explicit Stream(ConnectedSocket socket);

  std::optional<std::size_t> try_recv(std::span<std::byte> buffer, std::size_t wake_at,
                                      Deadline deadline);

  ConnectedSocket socket_;
  std::unique_ptr<TlsSession> tls_;  // null: in the clear
};

}  // namespace piecework
