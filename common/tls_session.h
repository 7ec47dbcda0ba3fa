// TLS 1.3 (RFC 8446) over one connected socket, beneath the frames: both sides show a certificate,
// and each one's has to come from the other's CA (tls_context.h).
//
// One thread may receive while another sends. OpenSSL takes no two threads at once, so its state
// stands behind a lock, and reads from and writes to memory only; what goes to the socket and comes
// from it does so outside that lock. So nobody who waits for the other side holds up anybody. What
// is encrypted must leave in that order: who sends has the turn to do so, and sends all there is,
// also what receiving has brought about (an answer to a key update, an alert). A receiver takes the
// turn only for what the socket takes at once, and otherwise leaves it to the next who sends; so
// two that send to each other cannot both stand still.
//
// The end of the connection is the end of the stream, announced (close_notify) or not: frames say
// how long they are, so that nothing can be cut off unnoticed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/clock.h"
#include "common/connected_socket.h"
#include "common/errors.h"
#include "common/mutex.h"
#include "common/tls_context.h"

struct ssl_st;  // SSL, as <openssl/ssl.h> has it

namespace piecework {

// What OpenSSL reads from and writes to, instead of the socket.
struct TlsWire {
  std::vector<std::byte> in;  // received, from `begin` to `end`
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<std::byte> out;  // encrypted, and not yet on its way
};

class TlsSession {
 public:
  // The handshake, as the one who connected or who accepted, until `deadline`. Throws
  // std::system_error, TimeoutError, or ProtocolError:
  //   not_tls                      the other side speaks in the clear (it is sent an alert)
  //   tls_unanswered               it closed at our first word (connect only)
  //   tls_version                  it knows no TLS 1.3
  //   tls_no_certificate           it has shown none
  //   tls_unknown_ca               its certificate comes from another CA
  //   tls_certificate_expired      it, or one between it and the CA's, is valid no longer
  //   tls_certificate_not_yet_valid
  //   tls_certificate_purpose      it may not be used for that
  //   tls_certificate_refused      anything else that is wrong with it (error)
  //   tls_refused_by_peer          the other side did not take ours (alert); who connects may learn
  //                                that only when it receives
  //   tls_failed                   anything else (error)
  // accept() returns nothing when the stream ended before its first byte.
  static std::unique_ptr<TlsSession> connect(const TlsContext& context, ConnectedSocket& socket,
                                             Deadline deadline);
  static std::unique_ptr<TlsSession> accept(const TlsContext& context, ConnectedSocket& socket,
                                            Deadline deadline);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // As those of Stream and ConnectedSocket; `socket` is always the one of the handshake. What the
  // other side does against TLS is a ProtocolError.
  std::optional<std::size_t> try_recv(ConnectedSocket& socket, std::span<std::byte> buffer,
                                      std::size_t wake_at, Deadline deadline) EXCLUDES(mutex_);
  void send_all(ConnectedSocket& socket, std::span<const std::byte> data, Deadline deadline,
                bool more) EXCLUDES(mutex_);
  void send_file(ConnectedSocket& socket, int file, std::uint64_t offset, std::uint64_t length,
                 Deadline deadline) EXCLUDES(mutex_);
  void finish_sending(ConnectedSocket& socket) noexcept EXCLUDES(mutex_);

 private:
  enum class Role { kConnects, kAccepts };
  enum class Step { kDone, kNeedsMore };

  TlsSession(const TlsContext& context, Role role);

  static std::unique_ptr<TlsSession> shake_hands(const TlsContext& context, ConnectedSocket& socket,
                                                 Role role, Deadline deadline);
  bool shake_hands(ConnectedSocket& socket, Deadline deadline) EXCLUDES(mutex_);
  Step next_step() EXCLUDES(mutex_);
  std::size_t hear(ConnectedSocket& socket, bool first, Deadline deadline) EXCLUDES(mutex_);

  // What could be decrypted of what has been received, and whether that was the last of it.
  struct Decrypted {
    std::size_t bytes = 0;
    std::size_t held = 0;  // bytes received that make no whole record yet
    bool ended = false;
    bool must_send = false;  // there is something to say to that
    std::optional<ProtocolError> failure;
  };
  Decrypted decrypt(std::span<std::byte> buffer) EXCLUDES(mutex_);
  std::span<std::byte> room_for(std::size_t bytes) EXCLUDES(mutex_);
  void received(std::size_t bytes) EXCLUDES(mutex_);
  // Returns how much waits to be sent now.
  std::size_t encrypt(std::span<const std::byte> data) EXCLUDES(mutex_);
  void replace_key_locked() REQUIRES(mutex_);
  void note_failure_locked() REQUIRES(mutex_);

  void send_pending(ConnectedSocket& socket, Deadline deadline) EXCLUDES(mutex_);
  void send_at_once(ConnectedSocket& socket) noexcept EXCLUDES(mutex_);
  bool next_batch() EXCLUDES(mutex_);
  void give_up_turn() EXCLUDES(mutex_);

  const Role role_;
  const std::uint64_t bytes_per_key_;

  mutable Mutex mutex_;
  ssl_st* ssl_ GUARDED_BY(mutex_);
  TlsWire wire_ GUARDED_BY(mutex_);
  std::optional<ProtocolError> failure_ GUARDED_BY(mutex_);  // of the session, for good
  bool ended_ GUARDED_BY(mutex_) = false;                    // by the other side
  bool finished_ GUARDED_BY(mutex_) = false;                 // by ours
  std::uint64_t under_this_key_ GUARDED_BY(mutex_) = 0;      // bytes sent
  std::size_t unasked_ GUARDED_BY(mutex_) = 0;  // bytes waiting in wire_.out that receiving caused
  bool turn_taken_ GUARDED_BY(mutex_) = false;
  CondVar turn_given_up_;

  // Of who has the turn to send.
  std::vector<std::byte> batch_;
  std::size_t batch_sent_ = 0;

  std::vector<std::byte> file_buffer_;  // of who calls send_file()
};

}  // namespace piecework
