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
#include "peer/write_schedule.h"

namespace piecework::peer {
namespace {

const std::string kOriginalAgent = "original";

constexpr seconds kIdleTime{60};
// After so many messages that bring no piece: is there anybody still? What one that has gone has
// left behind may be megabytes of them. Pieces behind so many are lost with them.
constexpr std::uint32_t kLookEvery = 1024;
constexpr seconds kLastWordsTime{2};
constexpr seconds kPartingTime{1};
constexpr std::size_t kHashStepBytes = 256
                                       << 10;  // what has just been received is still in the cache
// Small frames that may wait while the peer does not read: one Have for each piece, and some.
constexpr std::size_t kSpareSmallBytes = 64 << 10;

PeerTakes takes_of(const FirstFrame& first) {
  if (!first.greeting) return {.requests = kMaxQueuedRequests};
  return {.requests = first.greeting->requests,
          .cancel = first.greeting->has_feature(kFeatureCancel),
          .suggest = first.greeting->has_feature(kFeatureSuggest)};
}

std::size_t max_small_bytes(const PieceLayout& layout) {
  const EncodedMessage have = EncodedMessage::indexed(MessageId::kHave, PieceIndex());
  return kSpareSmallBytes + layout.count() * have.bytes().size();
}

}  // namespace

PeerConnection::PeerConnection(Swarm& swarm, Stream& stream, const Endpoint& remote,
                               std::optional<FirstFrame> first, std::uint32_t number)
    : swarm_(swarm),
      stream_(stream),
      remote_(remote),
      dialled_by_us_(!first),
      number_(first && first->greeting ? first->greeting->connection : number),
      first_(std::move(first)),
      hasher_(swarm.torrent().hash_kind()),
      download_turns_(swarm.bandwidth().download_turns()),
      upload_turns_(swarm.bandwidth().upload_turns()),
      outbox_(kMaxQueuedRequests, max_small_bytes(swarm.torrent().layout)),
      exchange_(swarm.torrent().layout, swarm.fetches(), swarm.left(), swarm.steering(), outbox_) {}

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
  part();
  {
    MutexLock lock(mutex_);
    reader_done_ = true;
    reader_ended_.notify_one();
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
  const FirstFrame& first = *first_;
  check(first);
  learn(first);
  if (!original_ && !swarm_.stays(*this)) throw Over{Outcome::kSurplus};
  if (!dialled_by_us_) greet(!original_);
  exchange_.begin(original_ ? PeerKind::kOriginal : PeerKind::kOurs, first.pieces, takes_of(first));
  Fields fields = log_fields();
  fields.emplace_back("agent", original_ ? kOriginalAgent : first.greeting->agent);
  fields.emplace_back("has", first.pieces.held());
  log_info("peer.connected", fields);
  first_.reset();
  std::optional<Endpoint> listens_at;
  {
    MutexLock lock(mutex_);
    listens_at = listens_at_locked();
  }
  if (listens_at) on_met(*listens_at);
}

void PeerConnection::join() {
  auto mine = swarm_.join(shared_from_this());
  if (!mine) throw Over{Outcome::kStopped};
  // Who joins later than the others were told to close has to see it here.
  if (!swarm_.admits(remote_.address)) throw Over{Outcome::kDenied};
  exchange_.introduce(*mine);
  mine_ = std::move(*mine);
}

void PeerConnection::greet(bool with_greeting) {
  const Identity& self = swarm_.identity();
  const Greeting greeting{.info_hash = swarm_.torrent().info_hash,
                          .peer_id = self.peer_id,
                          .port = self.port,
                          .connection = number_,
                          .requests = kMaxQueuedRequests,
                          .agent = std::string(kAgent),
                          .features = {std::string(kFeatureCancel), std::string(kFeatureSuggest)}};
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
  if (is_banned(first)) throw Over{Outcome::kBanned};
}

// Under either name: one that we had dialled when it was banned may dial us now.
bool PeerConnection::is_banned(const FirstFrame& first) const {
  const TimePoint now = Clock::now();
  const std::string port =
      std::to_string(dialled_by_us_ || !first.greeting ? remote_.port : first.greeting->port);
  return swarm_.bans().is_banned(remote_.address, port, now) ||
         (first.greeting && swarm_.bans().is_banned(remote_.address, first.greeting->peer_id, now));
}

void PeerConnection::learn(const FirstFrame& first) {
  original_ = !first.greeting;
  if (original_) {
    stream_.enable_tcp_keepalive();  // its silences mean nothing: the kernel has to ask
  } else {
    sharing_name_ = remote_.address.to_string() + "/" + first.greeting->peer_id;
  }
  MutexLock lock(mutex_);
  greeting_ = first.greeting;
}

// ---- The reader ----

void PeerConnection::read_messages() {
  const std::uint64_t limit = std::max(max_piece_frame(swarm_.torrent().layout.piece_length()),
                                       max_bitfield_frame(swarm_.torrent().layout.count()));
  while (true) {
    if (exchange_.is_over()) throw Over{Outcome::kOver};
    if (!original_ && exchange_.both_complete()) throw Over{Outcome::kBothComplete};
    const Deadline idle = original_ ? kNoDeadline : Clock::now() + kIdleTime;
    const auto head = recv_message_head(stream_, limit, idle);
    if (!head || head->id == MessageId::kServerClose) return;
    if (head->id != MessageId::kPiece && ++small_messages_ % kLookEvery == 0 && stream_.is_left()) {
      return;
    }
    handle(*head);
  }
}

void PeerConnection::handle(const MessageHead& head) {
  if (!head.id) return;  // KeepAlive
  switch (*head.id) {
    case MessageId::kChoke:
      if (exchange_.on_choke()) swarm_.wake_all();
      return;
    case MessageId::kUnChoke: return exchange_.on_unchoke();
    case MessageId::kInterested:
      if (exchange_.on_interested(Clock::now())) swarm_.share_slots(Clock::now());
      return;
    case MessageId::kUnInterested:
      if (exchange_.on_uninterested()) swarm_.share_slots(Clock::now());
      return;
    case MessageId::kHave: return on_have(recv_index());
    case MessageId::kRequest: return exchange_.on_request(recv_index());
    case MessageId::kPiece: return on_piece(head.payload_bytes);
    case MessageId::kCancel: return exchange_.on_cancel(recv_extension_index(*head.id));
    case MessageId::kSuggest: return exchange_.on_suggest(recv_extension_index(*head.id));
    case MessageId::kBitfield: throw ProtocolError("second_bitfield");
    case MessageId::kServerClose: return;  // read_messages() ends there
  }
}

PieceIndex PeerConnection::recv_index() {
  return recv_piece_index(stream_, swarm_.torrent().layout, Clock::now() + kIdleTime);
}

// We have named these in our greeting, which an original has not been sent.
PieceIndex PeerConnection::recv_extension_index(MessageId id) {
  if (original_) throw ProtocolError("unknown_message", {{"id", static_cast<unsigned>(id)}});
  return recv_index();
}

void PeerConnection::on_have(PieceIndex piece) {
  exchange_.on_have(piece);
  if (original_) return;
  if (swarm_.sharing().turned_up(sharing_name_, piece)) swarm_.share_slots(Clock::now());
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
  exchange_.expect_piece(piece);
  if (buffer_.size() < length) buffer_.resize(length);
  const std::span<std::byte> data = std::span(buffer_).first(length);
  if (recv_piece(data, deadline) == swarm_.torrent().digest(piece)) {
    store_piece(piece, data);
  } else {
    on_bad_piece(piece);
  }
}

Digest PeerConnection::recv_piece(std::span<std::byte> data, Deadline deadline) {
  while (!data.empty()) {
    // Not reading makes the other side wait. That is our doing, and does not count against it.
    const auto grant = download_turns_.take(std::min(data.size(), kHashStepBytes), ending_);
    deadline += grant.waited;
    const auto step = data.first(grant.bytes);
    recv_body(stream_, step, deadline);
    hasher_.update(step);
    data = data.subspan(step.size());
  }
  return hasher_.finish();
}

void PeerConnection::store_piece(PieceIndex piece, std::span<const std::byte> data) {
  const bool first = swarm_.left().begin_storing(piece);
  if (first) {
    try {
      swarm_.store().write_piece(piece, data);
    } catch (const StorageError& error) {
      swarm_.left().storing_failed(piece);
      swarm_.storage_failed(error.what());
      throw Over{Outcome::kStopped};
    }
    swarm_.left().complete(piece);
  }
  exchange_.on_good_piece(piece, Clock::now());
  (first ? swarm_.downloaded : swarm_.wasted) += data.size();
  if (first) {
    received_ += data.size();
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
  const bool too_many = exchange_.on_bad_piece(piece, Clock::now());
  swarm_.wake_all();
  if (too_many) ban();
}

void PeerConnection::ban() {
  // An original that dialled us has no name to ban it by.
  bool newly = !std::exchange(banned_, true);
  if (newly && (dialled_by_us_ || !original_)) {
    newly = swarm_.bans().ban(remote_.address, ban_name(), Clock::now());
  }
  if (newly) {
    Fields fields = log_fields();
    fields.emplace_back("reason", "hash_mismatch");
    fields.emplace_back("seconds", kBanTime.count());
    log_warn("peer.banned", fields);
  }
  // An original never puts back what it has taken to ask of us: it stays, but nothing is asked of
  // it.
  if (!original_) throw Over{Outcome::kBanned};
}

std::string PeerConnection::ban_name() const {
  if (dialled_by_us_) return std::to_string(remote_.port);
  MutexLock lock(mutex_);
  return greeting_ ? greeting_->peer_id : "";
}

void PeerConnection::on_piece_held(PieceIndex piece) {
  try {
    exchange_.on_piece_held(piece);
    if (exchange_.is_over()) end(Outcome::kOver, std::string(outcome_name(Outcome::kOver)), {});
  } catch (const ProtocolError& error) {
    end(Outcome::kBroken, error.reason(), error.fields());
    abort();
  }
}

std::optional<ChokePeer> PeerConnection::wants_slot(ChokeRound round) {
  auto peer = exchange_.wants_slot();
  if (!peer) return peer;
  peer->balance = swarm_.sharing().balance(sharing_name_);
  MutexLock lock(mutex_);
  if (round == ChokeRound::kRotate) {
    const std::uint64_t before = std::exchange(received_before_, received_.load());
    received_lately_ = received_lately_ / 2 + (received_before_ - before);
  }
  peer->received = received_lately_;
  return peer;
}

TimePoint PeerConnection::stalled_since() const {
  MutexLock lock(mutex_);
  return finished_ ? kNoDeadline : stream_.stalled_since();
}

bool PeerConnection::serve(bool yes, TimePoint now) {
  try {
    return exchange_.serve(yes, now);
  } catch (const ProtocolError& error) {
    end(Outcome::kBroken, error.reason(), error.fields());
    abort();
    return false;
  }
}

// ---- The writer ----

void PeerConnection::write_messages() {
  try {
    write_until_closed();
    stream_.finish_sending();
    // One that has nothing more to say would never wake the reader.
    if (!exchange_.is_over()) wait_for_reader();
  } catch (const FileReadError& error) {
    note_reason(Outcome::kStopped, "storage", {});
    swarm_.storage_failed("read " + swarm_.store().path() + ": " + error.what());
  } catch (const StorageError& error) {
    note_reason(Outcome::kStopped, "storage", {});
    swarm_.storage_failed(error.what());
  } catch (const TimeoutError&) {
    note_reason(Outcome::kLost, "send_timeout", {});
  } catch (const std::exception& error) {
    note_reason(Outcome::kLost, "error", {{"error", error.what()}});
  }
  // Wakes the reader. That of a peer that has left comes to the end by itself, and whole pieces may
  // have arrived before that.
  if (!stream_.is_left()) stream_.shutdown();
}

void PeerConnection::write_until_closed() {
  using What = Outbox::Next::What;
  WriteSchedule schedule(Clock::now());
  while (true) {
    // Also when there is always a piece to be sent.
    if (schedule.must_look(Clock::now())) outbox_.wake_to_request();
    // An original hears none, but that is no reason to try again at once.
    if (schedule.is_silent(Clock::now())) {
      exchange_.keep_alive();
      schedule.sent(Clock::now());
    }
    const Outbox::Next next = outbox_.wait(schedule.next());
    if (next.what == What::kClosed) {
      stream_.send_all(next.small, Clock::now() + kLastWordsTime);
      return;
    }
    if (next.what == What::kSmall) {
      stream_.send_all(next.small, Clock::now() + frame_time(next.small.size()));
      schedule.sent(Clock::now());
    } else if (next.what == What::kPiece) {
      send_piece(next.piece);
      schedule.sent(Clock::now());
    } else if (next.what == What::kRequest) {
      const bool again = exchange_.request_more(Clock::now());
      schedule.look_again_at(again ? Clock::now() + kEndgamePatience : kNoDeadline);
    }
  }
}

void PeerConnection::send_piece(PieceIndex piece) {
  const std::uint32_t length = swarm_.store().length(piece);
  Deadline deadline = Clock::now() + frame_time(length);
  std::uint64_t done = 0;
  while (done < length) {
    // Its first turn comes before the head: from then on the other side counts the time.
    const auto grant = upload_turns_.take(length - done, ending_);
    deadline += grant.waited;
    if (done == 0) {
      stream_.send_all(EncodedMessage::piece_head(piece, length).bytes(), deadline, true);
    }
    swarm_.store().for_each_part(piece, done, grant.bytes,
                                 [&](int file, std::uint64_t offset, std::uint64_t bytes) {
                                   stream_.send_file(file, offset, bytes, deadline);
                                 });
    done += grant.bytes;
    swarm_.uploaded += grant.bytes;
    sent_ += grant.bytes;
  }
  if (sharing_name_.empty()) return;  // an original, that never waits for a slot
  const bool first = swarm_.left().availability(piece) == 0;
  if (swarm_.sharing().gave(sharing_name_, piece, first)) swarm_.share_slots(Clock::now());
}

// ---- The end ----

void PeerConnection::close(Outcome why) {
  note_reason(why, std::string(outcome_name(why)), {});
  outbox_.close(EncodedMessage::plain(MessageId::kServerClose));
  stop_asking();
  stop_waiting();
  if (why != Outcome::kSurplus && why != Outcome::kDenied) return;
  MutexLock lock(mutex_);
  must_end_by_ = std::min(must_end_by_, Clock::now() + kPartingTime);
}

TimePoint PeerConnection::must_end_by() const {
  MutexLock lock(mutex_);
  return finished_ ? kNoDeadline : must_end_by_;
}

void PeerConnection::abort() {
  stop_waiting();
  MutexLock lock(mutex_);
  if (!finished_) stream_.shutdown();
}

void PeerConnection::end(Outcome outcome, const std::string& reason, const Fields& fields) {
  note_reason(outcome, reason, fields);
  // One that has left, or an original at rest, needs no farewell.
  const bool farewell = outcome != Outcome::kOver && reason != "closed_by_peer";
  outbox_.close(farewell ? std::optional(EncodedMessage::plain(MessageId::kServerClose))
                         : std::nullopt);
  stop_asking();
  stop_waiting();
}

void PeerConnection::stop_asking() {
  if (exchange_.stop_asking()) swarm_.wake_all();
}

void PeerConnection::stop_waiting() {
  ending_ = true;
  swarm_.bandwidth().wake();
}

// The writer has said goodbye. A peer that goes on talking does not keep its thread.
void PeerConnection::wait_for_reader() {
  const Deadline deadline = Clock::now() + kPartingTime;
  MutexLock lock(mutex_);
  while (!reader_done_) {
    if (!reader_ended_.wait_until(mutex_, deadline)) return;
  }
}

// What the other side is still sending is read, so that closing does not reset the connection and
// take our last words with it. An original at rest is sent none, and would stay silent.
void PeerConnection::part() {
  if (original_ && exchange_.is_over()) return;
  stream_.drain(Clock::now() + kPartingTime);
  stream_.shutdown();
}

void PeerConnection::note_reason(Outcome outcome, const std::string& reason, const Fields& fields) {
  // Whoever closes first, two that have everything have no more to say to each other.
  const bool nothing_left =
      (outcome == Outcome::kLost || outcome == Outcome::kOver) && exchange_.both_complete();
  MutexLock lock(mutex_);
  if (outcome_) return;
  outcome_ = nothing_left ? Outcome::kBothComplete : outcome;
  reason_ = nothing_left ? outcome_name(Outcome::kBothComplete) : reason;
  reason_fields_ = fields;
}

void PeerConnection::leave() {
  swarm_.leave(*this);
  {
    MutexLock lock(mutex_);
    finished_ = true;
  }
  exchange_.end();
  // Claims went back to the queue, and what this peer had is rarer now: a distrusted one may be the
  // last to have it.
  swarm_.wake_all();
  swarm_.share_slots(Clock::now());
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
  return original_ && outcome == Outcome::kLost ? Outcome::kOriginalLost : outcome;
}

bool PeerConnection::is_same_peer(const PeerConnection& other) const {
  const auto key = [](const PeerConnection& connection) {
    MutexLock lock(connection.mutex_);
    const Greeting greeting =
        connection.outcome_ ? Greeting{} : connection.greeting_.value_or(Greeting{});
    return std::tuple(connection.remote_.address, greeting.peer_id, greeting.connection);
  };
  const auto mine = key(*this);
  return !std::get<1>(mine).empty() && mine == key(other);
}

PeerId PeerConnection::dialled_by() const {
  if (dialled_by_us_) return swarm_.identity().peer_id;
  MutexLock lock(mutex_);
  return greeting_ ? greeting_->peer_id : "";
}

PeerConnection::Status PeerConnection::status() const {
  const Exchange::Standing standing = exchange_.standing();
  MutexLock lock(mutex_);
  return {.remote = remote_,
          .reached_at = dialled_by_us_ && greeting_ ? remote_ : listens_at_locked(),
          .agent = greeting_ ? greeting_->agent : kOriginalAgent,
          .standing = standing};
}

Fields PeerConnection::log_fields() const {
  Fields fields{{"peer", remote_.to_string()},
                {"hash", swarm_.torrent().info_hash.to_short_hex()},
                {"dialled", dialled_by_us_ ? "yes" : "no"}};
  if (number_ > 0) fields.emplace_back("connection", number_);
  MutexLock lock(mutex_);
  if (const auto listens_at = listens_at_locked()) {
    fields.emplace_back("listens", listens_at->to_string());
  }
  return fields;
}

std::optional<Endpoint> PeerConnection::listens_at_locked() const {
  if (!greeting_ || greeting_->port == 0) return std::nullopt;
  return Endpoint{remote_.address, greeting_->port};
}

}  // namespace piecework::peer
