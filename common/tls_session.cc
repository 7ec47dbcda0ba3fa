#include "common/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/socket.h"

namespace piecework {
namespace {

// A record: header, 2^14 bytes and what encryption may add to them (RFC 8446 section 5.2).
constexpr std::size_t kMaxRecordBytes = 5 + (16 << 10) + 256;
// Of what is received: beside the beginning of a record there has to be room for the rest of it.
constexpr std::size_t kLeastInBytes = 2 * kMaxRecordBytes;
constexpr std::size_t kMostInBytes = 256 << 10;
// Encrypted at a time, while nobody can receive, and then sent at a time.
constexpr std::size_t kBatchBytes = 64 << 10;
// Answers to what the other side sends, while it takes none.
constexpr std::size_t kMostUnaskedBytes = 16 << 10;
constexpr seconds kPartingTime{1};

constexpr std::uint8_t kChangeCipherSpec = 20;  // the least of the content types (RFC 8446, 5.1)
constexpr std::uint8_t kApplicationData = 23;   // and the last
// A fatal alert, protocol_version (70), in the clear: what frame.h knows as the word of a TLS side.
constexpr std::array<std::byte, 7> kPlainAlert{std::byte{21}, std::byte{3}, std::byte{3},
                                               std::byte{0},  std::byte{2}, std::byte{2},
                                               std::byte{70}};

// ---- OpenSSL's side of the wire (BIO_meth_new(3)) ----

TlsWire& wire_of(BIO* bio) {
  return *static_cast<TlsWire*>(BIO_get_data(bio));
}

int read_wire(BIO* bio, char* out, std::size_t most, std::size_t* got) {
  TlsWire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  *got = std::min(most, wire.end - wire.begin);
  if (*got == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(out, wire.in.data() + wire.begin, *got);
  wire.begin += *got;
  return 1;
}

int write_wire(BIO* bio, const char* data, std::size_t size, std::size_t* taken) {
  TlsWire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  *taken = 0;
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  try {
    wire.out.insert(wire.out.end(), bytes, bytes + size);
  } catch (const std::bad_alloc&) {
    return 0;  // no exception passes through OpenSSL
  }
  *taken = size;
  return 1;
}

long control_wire(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_wire_method() {
  BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
  if (method == nullptr) throw std::bad_alloc();
  BIO_meth_set_read_ex(method, read_wire);
  BIO_meth_set_write_ex(method, write_wire);
  BIO_meth_set_ctrl(method, control_wire);
  return method;
}

BIO* make_wire_bio(TlsWire& wire) {
  static BIO_METHOD* const method = make_wire_method();
  BIO* const bio = BIO_new(method);
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

// ---- What went wrong ----

ProtocolError refused_certificate(long verify_result) {
  switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return ProtocolError("tls_certificate_expired");
    case X509_V_ERR_CERT_NOT_YET_VALID: return ProtocolError("tls_certificate_not_yet_valid");
    case X509_V_ERR_INVALID_PURPOSE: return ProtocolError("tls_certificate_purpose");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return ProtocolError("tls_unknown_ca");
    default:
      return ProtocolError("tls_certificate_refused",
                           {{"error", X509_verify_cert_error_string(verify_result)}});
  }
}

// What this thread's last call on `ssl` failed for. Leaves nothing of it behind.
ProtocolError take_error(const SSL* ssl) {
  const unsigned long code = ERR_peek_error();
  const char* const known = code == 0 ? nullptr : ERR_reason_error_string(code);
  const std::string text = known == nullptr ? "broken off" : known;
  const int reason = ERR_GET_REASON(code);
  ERR_clear_error();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return ProtocolError("tls_failed", {{"error", text}});
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return refused_certificate(SSL_get_verify_result(ssl));
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return ProtocolError("tls_no_certificate");
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return ProtocolError("tls_version");
    default: break;
  }
  if (reason > SSL_AD_REASON_OFFSET) return ProtocolError("tls_refused_by_peer", {{"alert", text}});
  return ProtocolError("tls_failed", {{"error", text}});
}

bool is_tls(std::byte first) {
  const auto type = std::to_integer<std::uint8_t>(first);
  return type >= kChangeCipherSpec && type <= kApplicationData;
}

// Reads to the other side's end, for a while: closing with bytes unread would reset the connection
// and take our last words with it.
void part(ConnectedSocket& socket) noexcept {
  const Deadline deadline = Clock::now() + kPartingTime;
  std::byte scrap[4096];
  try {
    socket.finish_sending();
    while (Clock::now() < deadline && socket.try_recv(scrap, 1, deadline).value_or(0) > 0) {
    }
  } catch (const std::system_error&) {
    // It has gone already.
  }
}

// To one who speaks in the clear, or says nothing.
void say_tls(ConnectedSocket& socket) noexcept {
  try {
    socket.try_send(kPlainAlert);
  } catch (const std::system_error&) {
    // It has gone already.
  }
  socket.finish_sending();
}

}  // namespace

// ---- The handshake ----

std::unique_ptr<TlsSession> TlsSession::connect(const TlsContext& context, ConnectedSocket& socket,
                                                Deadline deadline) {
  return shake_hands(context, socket, Role::kConnects, deadline);
}

std::unique_ptr<TlsSession> TlsSession::accept(const TlsContext& context, ConnectedSocket& socket,
                                               Deadline deadline) {
  return shake_hands(context, socket, Role::kAccepts, deadline);
}

std::unique_ptr<TlsSession> TlsSession::shake_hands(const TlsContext& context,
                                                    ConnectedSocket& socket, Role role,
                                                    Deadline deadline) {
  std::unique_ptr<TlsSession> session(new TlsSession(context, role));
  try {
    return session->shake_hands(socket, deadline) ? std::move(session) : nullptr;
  } catch (const ProtocolError&) {
    session->send_at_once(socket);  // the alert
    part(socket);
    throw;
  }
}

TlsSession::TlsSession(const TlsContext& context, Role role)
    : role_(role), bytes_per_key_(context.bytes_per_key()), ssl_(SSL_new(context.native())) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  try {
    BIO* const bio = make_wire_bio(wire_);
    SSL_set_bio(ssl_, bio, bio);
  } catch (...) {
    SSL_free(ssl_);
    throw;
  }
  if (role == Role::kConnects) {
    SSL_set_connect_state(ssl_);
  } else {
    SSL_set_accept_state(ssl_);
  }
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

// False when the other side closed before it had said anything to us, who accepted.
bool TlsSession::shake_hands(ConnectedSocket& socket, Deadline deadline) {
  bool heard = false;
  while (next_step() == Step::kNeedsMore) {
    send_pending(socket, deadline);
    const std::size_t n = hear(socket, !heard, deadline);
    if (n == 0 && !heard && role_ == Role::kAccepts) return false;
    if (n == 0 && !heard) throw ProtocolError("tls_unanswered");
    if (n == 0) throw ProtocolError("tls_failed", {{"error", "closed within the handshake"}});
    heard = true;
  }
  send_pending(socket, deadline);
  return true;
}

TlsSession::Step TlsSession::next_step() {
  MutexLock lock(mutex_);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return Step::kDone;
  if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return Step::kNeedsMore;
  note_failure_locked();
  throw *failure_;
}

// Receives something more of the handshake; 0 at the end of the stream.
std::size_t TlsSession::hear(ConnectedSocket& socket, bool first, Deadline deadline) {
  const std::span<std::byte> room = room_for(0);
  std::optional<std::size_t> n;
  try {
    n = socket.try_recv(room, 1, deadline);
  } catch (const std::system_error& error) {
    // One that closes without reading what we said resets the connection.
    if (!first || role_ == Role::kAccepts || error.code() != std::errc::connection_reset) throw;
    return 0;
  }
  if (!n) {
    if (first) say_tls(socket);
    throw TimeoutError("TLS handshake timed out");
  }
  if (first && *n > 0 && !is_tls(room.front())) {
    say_tls(socket);
    throw ProtocolError("not_tls");
  }
  received(*n);
  return *n;
}

// ---- Receiving ----

std::optional<std::size_t> TlsSession::try_recv(ConnectedSocket& socket,
                                                std::span<std::byte> buffer, std::size_t wake_at,
                                                Deadline deadline) {
  for (bool first = true;; first = false) {
    const Decrypted got = decrypt(buffer);
    if (got.must_send) send_at_once(socket);
    if (got.bytes > 0 || got.ended || buffer.empty()) return got.bytes;
    if (got.failure) throw *got.failure;
    // Records without data in them do not move the deadline.
    if (!first && Clock::now() >= deadline) return std::nullopt;
    const std::span<std::byte> room = room_for(wake_at);
    const std::size_t missing = wake_at > got.held ? wake_at - got.held : 1;
    const auto n = socket.try_recv(room, std::min(missing, room.size()), deadline);
    if (!n || *n == 0) return n;
    received(*n);
  }
}

TlsSession::Decrypted TlsSession::decrypt(std::span<std::byte> buffer) {
  MutexLock lock(mutex_);
  const std::size_t out_before = wire_.out.size();
  Decrypted got;
  while (!failure_ && !ended_ && got.bytes < buffer.size()) {
    ERR_clear_error();
    std::size_t n = 0;
    const auto rest = buffer.subspan(got.bytes);
    const int result = SSL_read_ex(ssl_, rest.data(), rest.size(), &n);
    got.bytes += n;
    if (result == 1) continue;
    const int why = SSL_get_error(ssl_, result);
    if (why == SSL_ERROR_WANT_READ) break;
    if (why == SSL_ERROR_ZERO_RETURN) {
      ended_ = true;
    } else {
      note_failure_locked();
    }
  }
  unasked_ += wire_.out.size() - out_before;
  if (unasked_ > kMostUnaskedBytes && !failure_) {
    failure_.emplace("tls_failed", Fields{{"error", "asks for too many answers"}});
  }
  got.failure = failure_;
  got.held = wire_.end - wire_.begin;
  got.ended = ended_;
  got.must_send = wire_.out.size() > out_before;
  return got;
}

// Where to receive to, next; for so many bytes at least, within bounds. Of who receives.
std::span<std::byte> TlsSession::room_for(std::size_t bytes) {
  MutexLock lock(mutex_);
  std::copy(wire_.in.data() + wire_.begin, wire_.in.data() + wire_.end, wire_.in.data());
  wire_.end -= std::exchange(wire_.begin, 0);
  const std::size_t wanted = std::clamp(bytes, kLeastInBytes, kMostInBytes);
  if (wire_.in.size() < wanted) wire_.in.resize(wanted);
  return std::span(wire_.in).subspan(wire_.end);
}

void TlsSession::received(std::size_t bytes) {
  MutexLock lock(mutex_);
  wire_.end += bytes;
}

// ---- Sending ----

void TlsSession::send_all(ConnectedSocket& socket, std::span<const std::byte> data,
                          Deadline deadline, bool more) {
  while (!data.empty()) {
    const auto batch = data.first(std::min(data.size(), kBatchBytes));
    data = data.subspan(batch.size());
    const std::size_t waiting = encrypt(batch);
    if (more && data.empty() && waiting < kBatchBytes) return;
    send_pending(socket, deadline);
  }
}

void TlsSession::send_file(ConnectedSocket& socket, int file, std::uint64_t offset,
                           std::uint64_t length, Deadline deadline) {
  while (length > 0) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(length, kBatchBytes));
    if (file_buffer_.size() < most) file_buffer_.resize(most);
    const ssize_t n = ::pread(file, file_buffer_.data(), most, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw FileReadError(std::error_code(errno, std::generic_category()), "pread");
    if (n == 0) {
      throw FileReadError(std::make_error_code(std::errc::io_error), "file is too short");
    }
    const auto got = static_cast<std::size_t>(n);
    encrypt(std::span(file_buffer_).first(got));
    send_pending(socket, deadline);
    offset += got;
    length -= got;
  }
}

void TlsSession::finish_sending(ConnectedSocket& socket) noexcept {
  {
    MutexLock lock(mutex_);
    ERR_clear_error();
    if (!failure_ && !finished_) SSL_shutdown(ssl_);
    ERR_clear_error();
    finished_ = true;
  }
  send_at_once(socket);
  socket.finish_sending();
}

std::size_t TlsSession::encrypt(std::span<const std::byte> data) {
  MutexLock lock(mutex_);
  if (failure_) throw *failure_;
  if (finished_) throw std::system_error(std::make_error_code(std::errc::broken_pipe), "send");
  if (under_this_key_ >= bytes_per_key_) replace_key_locked();
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_, data.data(), data.size(), &written) != 1) {
    note_failure_locked();
    throw *failure_;
  }
  under_this_key_ += written;
  return wire_.out.size();
}

// The other side goes on with its own. Should it be in the middle of telling us of a new one, ours
// waits for the next time.
void TlsSession::replace_key_locked() {
  ERR_clear_error();
  if (SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl_) == 1) {
    under_this_key_ = 0;
  }
}

void TlsSession::note_failure_locked() {
  failure_.emplace(take_error(ssl_));
}

// ---- The turn to send ----

void TlsSession::send_pending(ConnectedSocket& socket, Deadline deadline) {
  {
    MutexLock lock(mutex_);
    while (turn_taken_) {
      if (!turn_given_up_.wait_until(mutex_, deadline) && turn_taken_) {
        throw TimeoutError("send timed out");
      }
    }
    turn_taken_ = true;
  }
  try {
    do {
      while (batch_sent_ < batch_.size()) {
        batch_sent_ += socket.send_some(std::span(batch_).subspan(batch_sent_), deadline);
      }
    } while (next_batch());
  } catch (...) {
    give_up_turn();
    throw;
  }
}

void TlsSession::send_at_once(ConnectedSocket& socket) noexcept {
  {
    MutexLock lock(mutex_);
    if (turn_taken_) return;  // who has it will look once more
    turn_taken_ = true;
  }
  try {
    do {
      while (batch_sent_ < batch_.size()) {
        const std::size_t n = socket.try_send(std::span(batch_).subspan(batch_sent_));
        if (n == 0) return give_up_turn();
        batch_sent_ += n;
      }
    } while (next_batch());
  } catch (const std::system_error&) {
    give_up_turn();  // who receives learns why
  }
}

// What else there is to be sent. False when that is nothing, and the turn is given up: whoever adds
// something later finds it free.
bool TlsSession::next_batch() {
  MutexLock lock(mutex_);
  batch_.clear();
  batch_sent_ = 0;
  if (wire_.out.empty()) {
    turn_taken_ = false;
    turn_given_up_.notify_one();
    return false;
  }
  batch_.swap(wire_.out);
  unasked_ = 0;
  return true;
}

void TlsSession::give_up_turn() {
  MutexLock lock(mutex_);
  turn_taken_ = false;
  turn_given_up_.notify_one();
}

}  // namespace piecework
