#include "peer/exchange.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/errors.h"
#include "common/messages.h"
#include "peer/handshake.h"

namespace piecework::peer {
namespace {

constexpr std::size_t kBadPiecesUntilDistrust = 2;
constexpr std::size_t kMostSuggested = 64;  // the oldest make room

}  // namespace

Exchange::Exchange(const PieceLayout& layout, bool fetch, LeftPieces& left, SeedSteering& steering,
                   Outbox& outbox)
    : layout_(layout),
      fetch_(fetch),
      left_(left),
      steering_(steering),
      outbox_(outbox),
      window_(layout, kMaxQueuedRequests) {}

Exchange::~Exchange() = default;

void Exchange::introduce(const Bitfield& mine) {
  MutexLock lock(mutex_);
  mine_ = mine;
}

void Exchange::begin(PeerKind kind, const Bitfield& theirs, const PeerTakes& takes) {
  MutexLock lock(mutex_);
  kind_ = kind;
  takes_ = takes;
  window_ = RequestWindow(layout_, takes.requests);
  peer_.has = theirs;
  left_.peer_joined(peer_);
  begun_ = true;
  for (const PieceIndex piece : std::exchange(held_meanwhile_, {})) {
    if (mine_.set(piece) && kind_ == PeerKind::kOurs) {
      outbox_.push(EncodedMessage::indexed(MessageId::kHave, piece));
    }
  }
  if (takes_.suggest && mine_.complete()) offers_.emplace(steering_, theirs);
  if (fetch_) wanted_ = peer_.has.count_missing_in(mine_);
  update_interest_locked();
  // An original at rest does not survive being told what it has not asked.
  if (wanted_ == 0 && kind_ == PeerKind::kOurs) {
    outbox_.push(EncodedMessage::plain(MessageId::kUnInterested));
  }
}

bool Exchange::on_interested(TimePoint now) {
  MutexLock lock(mutex_);
  has_spoken_ = true;
  if (!send_.interested()) return false;
  slot_since_ = now;
  if (kind_ == PeerKind::kOurs) return true;
  if (send_.unchoke()) outbox_.push(EncodedMessage::plain(MessageId::kUnChoke));
  return false;
}

bool Exchange::on_uninterested() {
  MutexLock lock(mutex_);
  has_spoken_ = true;
  const bool was_served = send_.value() == SendState::Value::k01;
  send_.uninterested();
  outbox_.drop_pieces();
  return was_served && kind_ == PeerKind::kOurs;
}

bool Exchange::on_choke() {
  std::vector<PieceClaim> given_back;
  MutexLock lock(mutex_);
  if (recv_.choked()) given_back = window_.take_all();
  return !given_back.empty();
}

void Exchange::on_unchoke() {
  MutexLock lock(mutex_);
  if (recv_.unchoked()) outbox_.wake_to_request();
}

void Exchange::on_have(PieceIndex piece) {
  MutexLock lock(mutex_);
  if (!peer_.has.set(piece)) return;
  left_.peer_gained(peer_, piece);
  if (offers_) offers_->settled(piece);
  offer_locked();
  if (mine_.has(piece) || !fetch_ || untrusted_) return;
  ++wanted_;
  update_interest_locked();
  if (window_.has_room()) outbox_.wake_to_request();
}

void Exchange::on_request(PieceIndex piece) {
  const bool held = left_.is_held(piece);
  MutexLock lock(mutex_);
  switch (send_.request()) {
    case SendState::OnRequest::kDrop:
      // It may take an earlier UnChoke, which its loss of interest has crossed, for this state, and
      // would wait for ever.
      if (send_.value() == SendState::Value::k11 && kind_ == PeerKind::kOurs) {
        outbox_.push(EncodedMessage::plain(MessageId::kChoke));
      }
      return;
    case SendState::OnRequest::kProtocolError: throw ProtocolError("request_before_unchoke");
    case SendState::OnRequest::kServe: break;
  }
  if (!held) throw ProtocolError("request_for_missing_piece", {{"piece", piece.value()}});
  outbox_.push_piece(piece);
  if (offers_) offers_->settled(piece);
  offer_locked();
}

void Exchange::on_cancel(PieceIndex piece) {
  outbox_.drop_piece(piece);
}

void Exchange::on_suggest(PieceIndex piece) {
  MutexLock lock(mutex_);
  if (!fetch_ || mine_.has(piece) || !peer_.has.has(piece)) return;
  is_steered_ = true;
  if (suggested_.size() >= kMostSuggested) suggested_.pop_front();
  suggested_.push_back(piece);
  if (window_.has_room()) outbox_.wake_to_request();
}

void Exchange::expect_piece(PieceIndex piece) const {
  MutexLock lock(mutex_);
  if (!window_.was_ever_asked(piece)) {
    throw ProtocolError("piece_never_asked", {{"piece", piece.value()}});
  }
}

void Exchange::on_good_piece(PieceIndex piece, TimePoint now) {
  std::optional<PieceClaim> fulfilled;
  MutexLock lock(mutex_);
  fulfilled = window_.take(piece);
  window_.delivered(layout_.length(piece), now);
  update_interest_locked();
  if (window_.has_room()) outbox_.wake_to_request();
}

bool Exchange::on_bad_piece(PieceIndex piece, TimePoint now) {
  std::optional<PieceClaim> given_back;
  MutexLock lock(mutex_);
  given_back = window_.take(piece);
  distrusted_.push_back(piece);
  distrusted_since_ = now;
  if (distrusted_.size() >= kBadPiecesUntilDistrust) {
    untrusted_ = true;
    wanted_ = 0;
  }
  update_interest_locked();
  outbox_.wake_to_request();
  return untrusted_;
}

void Exchange::on_piece_held(PieceIndex piece) {
  std::optional<PieceClaim> not_needed;
  MutexLock lock(mutex_);
  if (!begun_) {
    held_meanwhile_.push_back(piece);
    return;
  }
  if (!mine_.set(piece)) return;
  if (mine_.complete() && takes_.suggest && !offers_) offers_.emplace(steering_, peer_.has);
  if (kind_ == PeerKind::kOurs) {
    outbox_.push_patient(EncodedMessage::indexed(MessageId::kHave, piece));
  }
  if (takes_.cancel) not_needed = window_.take(piece);
  if (not_needed) {
    outbox_.push(EncodedMessage::indexed(MessageId::kCancel, piece));
    outbox_.wake_to_request();
  }
  if (peer_.has.has(piece) && wanted_ > 0 && --wanted_ == 0) update_interest_locked();
}

bool Exchange::request_more(TimePoint now) {
  MutexLock lock(mutex_);
  if (ending_) return false;
  while (recv_.may_request() && !untrusted_ && !window_.full()) {
    auto claim = claim_locked(now);
    if (!claim) break;
    outbox_.push(EncodedMessage::indexed(MessageId::kRequest, claim->piece()));
    window_.asked(std::move(*claim), now);
  }
  return recv_.may_request() && !untrusted_ && window_.idle() && wanted_ > 0;
}

bool Exchange::serve(bool yes, TimePoint now) {
  MutexLock lock(mutex_);
  if (kind_ == PeerKind::kOriginal || !(yes ? send_.unchoke() : send_.choke())) return false;
  slot_since_ = now;
  if (yes) {
    offer_locked();  // before it may choose
  } else {
    outbox_.drop_pieces();
  }
  outbox_.push(EncodedMessage::plain(yes ? MessageId::kUnChoke : MessageId::kChoke));
  return true;
}

void Exchange::keep_alive() {
  MutexLock lock(mutex_);
  if (begun_ && kind_ == PeerKind::kOurs) outbox_.push(EncodedMessage::keep_alive());
}

bool Exchange::stop_asking() {
  MutexLock lock(mutex_);
  ending_ = true;
  return !window_.take_all().empty();
}

void Exchange::end() {
  MutexLock lock(mutex_);
  if (!begun_) return;
  begun_ = false;
  left_.peer_left(peer_);
  offers_.reset();
  window_.take_all();
}

bool Exchange::is_over() const {
  MutexLock lock(mutex_);
  return kind_ == PeerKind::kOriginal && has_spoken_ && !send_.peer_interested() &&
         !recv_.interested();
}

bool Exchange::both_complete() const {
  MutexLock lock(mutex_);
  return begun_ && mine_.complete() && peer_.has.complete();
}

Exchange::Standing Exchange::standing() const {
  MutexLock lock(mutex_);
  return {.pieces = peer_.has.held(),
          .wanted = wanted_,
          .serves_us = recv_.value() == RecvState::Value::k01,
          .chokes_us = recv_.value() == RecvState::Value::k11};
}

std::optional<PieceClaim> Exchange::claim_suggested_locked(TimePoint now) {
  while (!suggested_.empty()) {
    const PieceIndex piece = suggested_.front();
    suggested_.pop_front();
    if (std::find(distrusted_.begin(), distrusted_.end(), piece) != distrusted_.end()) continue;
    if (auto claim = left_.claim_left(piece, now)) return claim;
  }
  return std::nullopt;
}

void Exchange::offer_locked() {
  if (!offers_ || ending_ || send_.value() != SendState::Value::k01) return;
  while (const auto piece = offers_->next()) {
    outbox_.push(EncodedMessage::indexed(MessageId::kSuggest, *piece));
  }
}

std::optional<ChokePeer> Exchange::wants_slot() const {
  MutexLock lock(mutex_);
  if (!begun_ || ending_ || kind_ == PeerKind::kOriginal || !send_.peer_interested()) {
    return std::nullopt;
  }
  return ChokePeer{.unchoked = send_.value() == SendState::Value::k01, .since = slot_since_};
}

std::optional<PieceClaim> Exchange::claim_locked(TimePoint now) {
  if (auto claim = claim_suggested_locked(now)) return claim;
  // Each Request to one that steers brings its next suggestion; on a long path, too late.
  if (is_steered_ && !window_.is_low()) return std::nullopt;
  if (!window_.idle()) return left_.claim(peer_, distrusted_, now, LeftPieces::kNoEndgame);
  const TimePoint claimed_before = now - kEndgamePatience;
  auto claim = left_.claim(peer_, distrusted_, now, claimed_before);
  if (!claim && !distrusted_.empty() && now - distrusted_since_ >= kSecondChanceAfter) {
    claim = left_.claim(peer_, {}, now, claimed_before);
  }
  return claim;
}

void Exchange::update_interest_locked() {
  if (wanted_ > 0) {
    if (recv_.want()) outbox_.push(EncodedMessage::plain(MessageId::kInterested));
    return;
  }
  // An original answers what it was asked, and would be disturbed by anything else meanwhile.
  if (kind_ == PeerKind::kOriginal && !window_.idle()) return;
  if (recv_.want_nothing()) outbox_.push(EncodedMessage::plain(MessageId::kUnInterested));
  window_.take_all();
}

}  // namespace piecework::peer
