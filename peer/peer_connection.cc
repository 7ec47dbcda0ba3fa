#include "peer/peer_connection.h"

#include <algorithm>
#include <thread>
#include <tuple>
#include <utility>

#include "common/errors.h"
#include "common/log.h"
#include "common/messages.h"
#include "common/socket.h"
#include "common/threads.h"
#include "common/version.h"

namespace piecework::peer {
namespace {

constexpr seconds kFirstFrameTime{10};
constexpr seconds kIdleTime{60};
constexpr seconds kKeepAliveEvery{20};
constexpr seconds kLastWordsTime{2};
constexpr std::size_t kHashStepBytes = 256
                                       << 10;  // what has just been received is still in the cache
constexpr std::size_t kBadPiecesUntilBan = 2;
// Small frames that may wait while the peer does not read: one Have for each piece, and some.
constexpr std::size_t kSpareSmallBytes = 64 << 10;

std::size_t max_small_bytes(const PieceLayout& layout) {
  const EncodedMessage have = EncodedMessage::indexed(MessageId::kHave, PieceIndex());
  return kSpareSmallBytes + layout.count() * have.bytes().size();
}

}  // namespace

PeerConnection::PeerConnection(Swarm& swarm, Stream& stream, const Endpoint& remote,
                               std::optional<FirstFrame> first)
    : swarm_(swarm),
      stream_(stream),
      remote_(remote),
      dialled_by_us_(!first),
      first_(std::move(first)),
      hasher_(swarm.torrent().hash_kind()),
      outbox_(kMaxQueuedRequests, max_small_bytes(swarm.torrent().layout)),
      window_(swarm.torrent().layout, kMaxQueuedRequests) {}

Outcome PeerConnection::run(const std::function<void(const Endpoint&)>& on_met) {
  std::thread writer;
  try {
    writer = start_thread("peer-send", [this] { write_messages(); });
    meet(on_met);
    read_messages();
    end(Outcome::kLost, "closed_by_peer", {});
  } catch (const Over& over) {
    end(over.outcome, std::string(outcome_name(over.outcome)), {});
  } catch (const ProtocolError& error) {
    // A peer that dies in the middle of a frame has done nothing wrong.
    const bool died = error.reason() == kTruncated;
    end(died ? Outcome::kLost : Outcome::kBroken, error.reason(), error.fields());
  } catch (const TimeoutError&) {
    end(Outcome::kLost, "timeout", {});
  } catch (const std::exception& error) {
    end(Outcome::kLost, "error", {{"error", error.what()}});
  }
  if (writer.joinable()) writer.join();
  leave();
  return log_end();
}

// ---- The beginning ----

void PeerConnection::meet(const std::function<void(const Endpoint&)>& on_met) {
  join();
  if (dialled_by_us_) {
    greet(true);
    first_ = recv_answer();
  }
  check(*first_);
  learn(*first_);
  if (first_->greeting && !swarm_.stays(*this)) throw Over{Outcome::kSurplus};
  if (!dialled_by_us_) greet(first_->greeting.has_value());
  begin();
  Fields fields = log_fields();
  fields.emplace_back("agent", first_->greeting ? first_->greeting->agent : "original");
  fields.emplace_back("has", first_->pieces.held());
  log_info("peer.connected", fields);
  if (first_->greeting && first_->greeting->port != 0) {
    on_met({remote_.address, first_->greeting->port});
  }
  first_.reset();
}

void PeerConnection::join() {
  auto mine = swarm_.join(shared_from_this());
  if (!mine) throw Over{Outcome::kStopped};
  MutexLock lock(mutex_);
  mine_ = std::move(*mine);
}

void PeerConnection::greet(bool with_greeting) {
  const Identity& self = swarm_.identity();
  Greeting greeting{.info_hash = swarm_.torrent().info_hash,
                    .peer_id = self.peer_id,
                    .port = self.port,
                    .connection = 0,
                    .requests = kMaxQueuedRequests,
                    .agent = std::string(kAgent),
                    .features = {}};
  MutexLock lock(mutex_);
  outbox_.push_frame(encode_first_frame(mine_, with_greeting ? &greeting : nullptr));
}

FirstFrame PeerConnection::recv_answer() {
  const std::uint32_t pieces = swarm_.torrent().layout.count();
  try {
    auto first = recv_first_frame(stream_, pieces, Clock::now() + kFirstFrameTime);
    if (first) return std::move(*first);
  } catch (const TimeoutError&) {
  } catch (const std::system_error&) {
  }
  throw Over{Outcome::kSilent};
}

void PeerConnection::check(const FirstFrame& first) const {
  const Torrent& torrent = swarm_.torrent();
  if (!first.greeting && !swarm_.admits_originals()) throw Over{Outcome::kOther};
  if (first.greeting && first.greeting->info_hash != torrent.info_hash) {
    throw Over{Outcome::kOther};
  }
  if (first.greeting && first.greeting->peer_id == swarm_.identity().peer_id) {
    throw Over{Outcome::kSelf};
  }
  if (first.pieces.size() != torrent.layout.count()) {
    throw ProtocolError("bitfield_length",
                        {{"pieces", first.pieces.size()}, {"expected", torrent.layout.count()}});
  }
  const std::string who = dialled_by_us_   ? std::to_string(remote_.port)
                          : first.greeting ? first.greeting->peer_id
                                           : "";
  if (swarm_.bans().is_banned(remote_.address, who, Clock::now())) throw Over{Outcome::kBanned};
}

void PeerConnection::learn(const FirstFrame& first) {
  MutexLock lock(mutex_);
  kind_ = first.greeting ? Kind::kOurs : Kind::kOriginal;
  if (!first.greeting) {
    stream_.enable_tcp_keepalive();  // its silences mean nothing, so the kernel has to ask
    return;
  }
  greeting_ = *first.greeting;
  window_ = RequestWindow(swarm_.torrent().layout, greeting_.requests);
}

void PeerConnection::begin() {
  {
    MutexLock lock(mutex_);
    peer_.has = first_->pieces;
    swarm_.left().peer_joined(peer_);
    begun_ = true;
    for (const PieceIndex piece : std::exchange(held_meanwhile_, {})) {
      if (mine_.set(piece) && kind_ == Kind::kOurs) {
        outbox_.push(EncodedMessage::indexed(MessageId::kHave, piece));
      }
    }
    if (kind_ == Kind::kOurs && has_all_locked()) throw Over{Outcome::kBothComplete};
    if (swarm_.fetches()) wanted_ = peer_.has.count_missing_in(mine_);
    update_interest_locked();
    // An original at rest does not survive being told what it has not asked.
    if (wanted_ == 0 && kind_ == Kind::kOurs) {
      outbox_.push(EncodedMessage::plain(MessageId::kUnInterested));
    }
  }
}

// ---- The reader ----

void PeerConnection::read_messages() {
  const std::uint64_t limit = std::max(max_piece_frame(swarm_.torrent().layout.piece_length()),
                                       max_bitfield_frame(swarm_.torrent().layout.count()));
  const auto idle_deadline = [this] {
    MutexLock lock(mutex_);
    return kind_ == Kind::kOriginal ? kNoDeadline : Clock::now() + kIdleTime;
  };
  while (const auto head = recv_message_head(stream_, limit, idle_deadline())) {
    if (head->id == MessageId::kServerClose) return;
    handle(*head);
    end_if_over();
  }
}

void PeerConnection::handle(const MessageHead& head) {
  if (!head.id) return;  // KeepAlive
  switch (*head.id) {
    case MessageId::kChoke: return on_choke(true);
    case MessageId::kUnChoke: return on_choke(false);
    case MessageId::kInterested: return on_interest(true);
    case MessageId::kUnInterested: return on_interest(false);
    case MessageId::kHave: return on_have();
    case MessageId::kRequest: return on_request();
    case MessageId::kPiece: return on_piece(head.payload_bytes);
    case MessageId::kServerClose: return;  // ends read_messages()
    case MessageId::kBitfield: throw ProtocolError("second_bitfield");
  }
}

void PeerConnection::on_interest(bool interested) {
  MutexLock lock(mutex_);
  has_spoken_ = true;
  if (!interested) {
    send_.uninterested();
    outbox_.drop_pieces();
  } else if (send_.interested()) {
    outbox_.push(EncodedMessage::plain(MessageId::kUnChoke));
  }
}

void PeerConnection::on_choke(bool choked) {
  std::vector<PieceClaim> given_back;
  {
    MutexLock lock(mutex_);
    if (!choked) {
      if (recv_.unchoked()) outbox_.wake_to_request();
      return;
    }
    if (recv_.choked()) given_back = window_.take_all();
  }
  if (given_back.empty()) return;
  given_back.clear();
  swarm_.wake_all();
}

void PeerConnection::on_have() {
  const PieceIndex piece =
      recv_piece_index(stream_, swarm_.torrent().layout, Clock::now() + kIdleTime);
  MutexLock lock(mutex_);
  if (!peer_.has.set(piece)) return;
  swarm_.left().peer_gained(peer_, piece);
  if (kind_ == Kind::kOurs && has_all_locked()) throw Over{Outcome::kBothComplete};
  if (mine_.has(piece) || !swarm_.fetches() || untrusted_) return;
  ++wanted_;
  update_interest_locked();
  outbox_.wake_to_request();
}

void PeerConnection::on_request() {
  const PieceIndex piece =
      recv_piece_index(stream_, swarm_.torrent().layout, Clock::now() + kIdleTime);
  const bool held = swarm_.left().is_held(piece);
  MutexLock lock(mutex_);
  switch (send_.request()) {
    case SendState::OnRequest::kDrop: return;
    case SendState::OnRequest::kProtocolError: throw ProtocolError("request_before_unchoke");
    case SendState::OnRequest::kServe: break;
  }
  if (!held) throw ProtocolError("request_for_missing_piece", {{"piece", piece.value()}});
  outbox_.push_piece(piece);
}

void PeerConnection::on_piece(std::uint32_t payload_bytes) {
  const PieceLayout& layout = swarm_.torrent().layout;
  const Deadline deadline = Clock::now() + frame_time(payload_bytes);
  const PieceIndex piece = recv_piece_index(stream_, layout, deadline);
  const std::uint32_t length = layout.length(piece);
  if (payload_bytes != kPieceIndexBytes + length) {
    throw ProtocolError("wrong_payload", {{"message", "Piece"},
                                          {"piece", piece.value()},
                                          {"bytes", payload_bytes - kPieceIndexBytes},
                                          {"expected", length}});
  }
  {
    MutexLock lock(mutex_);
    if (!window_.was_ever_asked(piece)) {
      throw ProtocolError("piece_never_asked", {{"piece", piece.value()}});
    }
  }
  if (buffer_.size() < length) buffer_.resize(length);
  const std::span<std::byte> data = std::span(buffer_).first(length);
  if (recv_piece(data, deadline) == swarm_.torrent().digest(piece)) {
    store_piece(piece, data);
  } else {
    on_bad_piece(piece);
  }
  outbox_.wake_to_request();
  MutexLock lock(mutex_);
  update_interest_locked();
}

Digest PeerConnection::recv_piece(std::span<std::byte> data, Deadline deadline) {
  while (!data.empty()) {
    const auto step = data.first(std::min(data.size(), kHashStepBytes));
    recv_body(stream_, step, deadline);
    hasher_.update(step);
    data = data.subspan(step.size());
  }
  return hasher_.finish();
}

void PeerConnection::store_piece(PieceIndex piece, std::span<const std::byte> data) {
  bool first = false;
  if (!swarm_.left().is_held(piece)) {
    try {
      swarm_.store().write_piece(piece, data);
    } catch (const StorageError& error) {
      swarm_.storage_failed(error.what());
      throw Over{Outcome::kStopped};
    }
    first = swarm_.left().complete(piece);
  }
  (first ? swarm_.downloaded : swarm_.wasted) += data.size();
  if (first) received_ += data.size();
  {
    MutexLock lock(mutex_);
    window_.take(piece);
  }
  if (first) {
    log_debug("piece.complete", {{"hash", swarm_.torrent().info_hash.to_short_hex()},
                                 {"piece", piece.value()},
                                 {"peer", remote_.to_string()}});
    swarm_.piece_stored(piece);
  }
}

void PeerConnection::on_bad_piece(PieceIndex piece) {
  Fields fields = log_fields();
  fields.emplace_back("piece", piece.value());
  log_warn("piece.hash_mismatch", fields);
  swarm_.wasted += swarm_.torrent().layout.length(piece);
  bool banned = false;
  bool original = false;
  std::vector<PieceClaim> given_back;
  {
    MutexLock lock(mutex_);
    if (auto claim = window_.take(piece)) given_back.push_back(std::move(*claim));
    distrusted_.push_back(piece);
    banned = distrusted_.size() >= kBadPiecesUntilBan && !untrusted_;
    original = kind_ == Kind::kOriginal;
    if (banned) {
      untrusted_ = true;
      wanted_ = 0;
      if (dialled_by_us_ || !original) {
        const std::string who = dialled_by_us_ ? std::to_string(remote_.port) : greeting_.peer_id;
        swarm_.bans().ban(remote_.address, who, Clock::now());
      }
    }
  }
  given_back.clear();
  swarm_.wake_all();
  if (!banned) return;
  fields.emplace_back("reason", "hash_mismatch");
  fields.emplace_back("seconds", kBanTime.count());
  log_warn("peer.banned", fields);
  // An original would never put back what it has taken to ask of us: it stays, but nothing is
  // asked.
  if (!original) throw Over{Outcome::kBanned};
}

void PeerConnection::end_if_over() {
  MutexLock lock(mutex_);
  if (kind_ != Kind::kOriginal) return;
  if (!has_spoken_ || send_.peer_interested() || recv_.interested()) return;
  throw Over{has_all_locked() ? Outcome::kBothComplete : Outcome::kOver};
}

std::vector<PieceClaim> PeerConnection::update_interest_locked() {
  if (wanted_ > 0) {
    if (recv_.want()) outbox_.push(EncodedMessage::plain(MessageId::kInterested));
    return {};
  }
  // An original answers what it was asked, and would be disturbed by anything else meanwhile.
  if (kind_ == Kind::kOriginal && !window_.idle()) return {};
  if (recv_.want_nothing()) outbox_.push(EncodedMessage::plain(MessageId::kUnInterested));
  return window_.take_all();
}

void PeerConnection::on_piece_held(PieceIndex piece) {
  std::vector<PieceClaim> given_back;
  MutexLock lock(mutex_);
  if (!begun_) {
    held_meanwhile_.push_back(piece);
    return;
  }
  if (!mine_.set(piece)) return;
  if (kind_ == Kind::kOurs) outbox_.push(EncodedMessage::indexed(MessageId::kHave, piece));
  if (peer_.has.has(piece) && wanted_ > 0 && --wanted_ == 0) given_back = update_interest_locked();
}

// ---- The writer ----

void PeerConnection::write_messages() {
  try {
    write_until_closed();
  } catch (const FileReadError& error) {
    note_reason(Outcome::kStopped, "storage", {});
    swarm_.storage_failed("read " + swarm_.store().path() + ": " + error.what());
  } catch (const TimeoutError&) {
    note_reason(Outcome::kLost, "send_timeout", {});
  } catch (const std::exception& error) {
    note_reason(Outcome::kLost, "error", {{"error", error.what()}});
  }
  stream_.shutdown();  // wakes the reader, if it is not the one who closed
}

void PeerConnection::write_until_closed() {
  using What = Outbox::Next::What;
  while (true) {
    Outbox::Next next = outbox_.wait(Clock::now() + kKeepAliveEvery);
    switch (next.what) {
      case What::kSmall:
        stream_.send_all(next.small, Clock::now() + frame_time(next.small.size()));
        break;
      case What::kPiece: send_piece(next.piece); break;
      case What::kRequest: request_more(); break;
      case What::kTimeout: {
        MutexLock lock(mutex_);
        if (kind_ == Kind::kOurs) outbox_.push(EncodedMessage::keep_alive());
        break;
      }
      case What::kClosed: stream_.send_all(next.small, Clock::now() + kLastWordsTime); return;
    }
  }
}

void PeerConnection::request_more() {
  bool asked = false;
  {
    MutexLock lock(mutex_);
    while (recv_.may_request() && !untrusted_ && !window_.full()) {
      auto claim = swarm_.left().claim(peer_, distrusted_, window_.idle());
      if (!claim) break;
      outbox_.push(EncodedMessage::indexed(MessageId::kRequest, claim->piece()));
      window_.asked(std::move(*claim));
      asked = true;
    }
  }
  // The endgame begins: connections with nothing to do may ask for what others have claimed.
  if (asked && swarm_.left().none_left()) swarm_.wake_all();
}

void PeerConnection::send_piece(PieceIndex piece) {
  const std::uint32_t length = swarm_.store().length(piece);
  const Deadline deadline = Clock::now() + frame_time(length);
  stream_.send_all(EncodedMessage::piece_head(piece, length).bytes(), deadline, true);
  stream_.send_file(swarm_.store().file(), swarm_.store().offset(piece), length, deadline);
  swarm_.uploaded += length;
  sent_ += length;
}

// ---- The end ----

void PeerConnection::close(Outcome why) {
  note_reason(why, std::string(outcome_name(why)), {});
  outbox_.close(EncodedMessage::plain(MessageId::kServerClose));
}

void PeerConnection::abort() {
  MutexLock lock(mutex_);
  if (!finished_) stream_.shutdown();
}

void PeerConnection::end(Outcome outcome, const std::string& reason, const Fields& fields) {
  note_reason(outcome, reason, fields);
  // An original at rest, or one whose end of the stream is gone, needs no farewell.
  const bool farewell = outcome != Outcome::kOver && reason != "closed_by_peer";
  outbox_.close(farewell ? std::optional(EncodedMessage::plain(MessageId::kServerClose))
                         : std::nullopt);
}

void PeerConnection::note_reason(Outcome outcome, const std::string& reason, const Fields& fields) {
  MutexLock lock(mutex_);
  if (outcome_) return;
  outcome_ = outcome;
  reason_ = reason;
  reason_fields_ = fields;
  // Whoever closes first, two that have everything have no more to say to each other.
  if (outcome == Outcome::kLost && has_all_locked()) {
    outcome_ = Outcome::kBothComplete;
    reason_ = outcome_name(Outcome::kBothComplete);
  }
}

void PeerConnection::leave() {
  swarm_.leave(*this);
  std::vector<PieceClaim> given_back;
  {
    MutexLock lock(mutex_);
    finished_ = true;
    given_back = window_.take_all();
    if (begun_) swarm_.left().peer_left(peer_);
  }
  if (given_back.empty()) return;
  given_back.clear();
  swarm_.wake_all();
}

Outcome PeerConnection::log_end() const {
  Fields fields = log_fields();
  fields.emplace_back("received", received_.load());
  fields.emplace_back("sent", sent_.load());
  Outcome outcome;
  {
    MutexLock lock(mutex_);
    outcome = *outcome_;
    fields.emplace_back("reason", reason_);
    fields.insert(fields.end(), reason_fields_.begin(), reason_fields_.end());
  }
  const bool its_fault = outcome == Outcome::kBroken || outcome == Outcome::kBanned;
  log_line(its_fault ? LogLevel::kWarn : LogLevel::kInfo, "peer.closed", fields);
  return outcome;
}

bool PeerConnection::has_all_locked() const {
  return begun_ && mine_.complete() && peer_.has.complete();
}

bool PeerConnection::is_same_peer(const PeerConnection& other) const {
  const auto key = [](const PeerConnection& connection) {
    MutexLock lock(connection.mutex_);
    return std::tuple(connection.remote_.address, connection.greeting_.peer_id,
                      connection.greeting_.connection);
  };
  const auto mine = key(*this);
  return !std::get<1>(mine).empty() && mine == key(other);
}

PeerId PeerConnection::dialled_by() const {
  if (dialled_by_us_) return swarm_.identity().peer_id;
  MutexLock lock(mutex_);
  return greeting_.peer_id;
}

PeerConnection::Status PeerConnection::status() const {
  MutexLock lock(mutex_);
  return {.remote = remote_,
          .agent = kind_ == Kind::kOriginal ? "original" : greeting_.agent,
          .pieces = peer_.has.held(),
          .serves_us = recv_.value() == RecvState::Value::k01,
          .chokes_us = recv_.value() == RecvState::Value::k11};
}

Fields PeerConnection::log_fields() const {
  Fields fields{{"peer", remote_.to_string()},
                {"hash", swarm_.torrent().info_hash.to_short_hex()},
                {"dialled", dialled_by_us_ ? "yes" : "no"}};
  MutexLock lock(mutex_);
  if (kind_ == Kind::kOurs) {
    fields.emplace_back("listens", Endpoint{remote_.address, greeting_.port}.to_string());
  }
  return fields;
}

}  // namespace piecework::peer
