#include "peer/left_pieces.h"

#include <algorithm>
#include <utility>

namespace piecework::peer {
namespace {

// In the endgame, at most this many connections ask for the same piece, unless they all seem to
// have stalled. None is closed for that: one that is slow has been asked for much ahead, and an
// original is never cut off.
constexpr std::uint16_t kMaxClaimsOfOnePiece = 4;
constexpr seconds kClaimsStallAfter{60};

bool holds(std::span<const PieceIndex> pieces, PieceIndex piece) {
  return std::find(pieces.begin(), pieces.end(), piece) != pieces.end();
}

}  // namespace

PieceClaim::PieceClaim(PieceClaim&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), piece_(other.piece_) {}

PieceClaim& PieceClaim::operator=(PieceClaim&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(piece_, other.piece_);
  return *this;
}

PieceClaim::~PieceClaim() {
  if (owner_ != nullptr) owner_->give_back(piece_);
}

LeftPieces::LeftPieces(const Bitfield& held, std::uint64_t random_seed)
    : random_(random_seed), held_(held), left_(held.size()), claims_(held.size(), 0) {
  for (PieceIndex piece; piece.value() < held.size(); ++piece) {
    if (!held.has(piece)) left_.insert(piece);
  }
}

void LeftPieces::peer_joined(PeerPieces& peer) {
  MutexLock lock(mutex_);
  peer.counted = !peer.has.complete();
  if (!peer.counted) {
    ++seeders_;
    return;
  }
  for (PieceIndex piece; piece.value() < peer.has.size(); ++piece) {
    if (peer.has.has(piece)) left_.gained(piece);
  }
}

void LeftPieces::peer_gained(PeerPieces& peer, PieceIndex piece) {
  MutexLock lock(mutex_);
  if (peer.counted) left_.gained(piece);
}

void LeftPieces::peer_left(PeerPieces& peer) {
  MutexLock lock(mutex_);
  if (!peer.counted) {
    --seeders_;
    return;
  }
  for (PieceIndex piece; piece.value() < peer.has.size(); ++piece) {
    if (peer.has.has(piece)) left_.lost(piece);
  }
}

std::optional<PieceClaim> LeftPieces::claim(const PeerPieces& peer,
                                            std::span<const PieceIndex> distrusted, TimePoint now,
                                            TimePoint claimed_before) {
  MutexLock lock(mutex_);
  std::optional<PieceIndex> piece = left_.pick(random_, [&](PieceIndex candidate) {
    return peer.has.has(candidate) && !holds(distrusted, candidate);
  });
  if (!piece && !distrusted.empty()) piece = last_resort_locked(peer, distrusted);
  if (piece) {
    left_.erase(*piece);
  } else {
    piece = endgame_pick_locked(peer, distrusted, now, claimed_before);
  }
  if (!piece) return std::nullopt;
  note_claim_locked(*piece, now);
  return PieceClaim(this, *piece);
}

std::optional<PieceClaim> LeftPieces::claim_left(PieceIndex piece, TimePoint now) {
  MutexLock lock(mutex_);
  if (!left_.contains(piece)) return std::nullopt;
  left_.erase(piece);
  note_claim_locked(piece, now);
  return PieceClaim(this, piece);
}

bool LeftPieces::begin_storing(PieceIndex piece) {
  MutexLock lock(mutex_);
  if (held_.has(piece) || holds(being_stored_, piece)) return false;
  being_stored_.push_back(piece);
  return true;
}

void LeftPieces::storing_failed(PieceIndex piece) {
  MutexLock lock(mutex_);
  std::erase(being_stored_, piece);
}

bool LeftPieces::complete(PieceIndex piece) {
  MutexLock lock(mutex_);
  std::erase(being_stored_, piece);
  if (!held_.set(piece)) return false;
  if (left_.contains(piece)) left_.erase(piece);
  return true;
}

bool LeftPieces::none_left() const {
  MutexLock lock(mutex_);
  return left_.empty();
}

bool LeftPieces::is_held(PieceIndex piece) const {
  MutexLock lock(mutex_);
  return held_.has(piece);
}

Bitfield LeftPieces::held() const {
  MutexLock lock(mutex_);
  return held_;
}

std::uint32_t LeftPieces::held_count() const {
  MutexLock lock(mutex_);
  return held_.held();
}

std::uint64_t LeftPieces::held_bytes(const PieceLayout& layout) const {
  MutexLock lock(mutex_);
  return held_.held_bytes(layout);
}

bool LeftPieces::all_held() const {
  MutexLock lock(mutex_);
  return held_.complete();
}

std::uint32_t LeftPieces::availability(PieceIndex piece) const {
  MutexLock lock(mutex_);
  return availability_locked(piece);
}

std::uint32_t LeftPieces::unavailable() const {
  MutexLock lock(mutex_);
  if (seeders_ > 0) return 0;
  std::uint32_t count = 0;
  for (PieceIndex piece; piece.value() < held_.size(); ++piece) {
    if (!held_.has(piece) && left_.availability(piece) == 0) ++count;
  }
  return count;
}

void LeftPieces::give_back(PieceIndex piece) {
  MutexLock lock(mutex_);
  if (--claims_[piece.value()] > 0) return;
  std::erase_if(claimed_, [&](const Claimed& claimed) { return claimed.piece == piece; });
  if (!held_.has(piece)) left_.insert(piece);
}

std::uint32_t LeftPieces::availability_locked(PieceIndex piece) const {
  return left_.availability(piece) + seeders_;
}

// One of `distrusted` that nobody else has.
std::optional<PieceIndex> LeftPieces::last_resort_locked(
    const PeerPieces& peer, std::span<const PieceIndex> distrusted) const {
  for (const PieceIndex piece : distrusted) {
    if (left_.contains(piece) && peer.has.has(piece) && availability_locked(piece) <= 1) {
      return piece;
    }
  }
  return std::nullopt;
}

std::optional<PieceIndex> LeftPieces::endgame_pick_locked(const PeerPieces& peer,
                                                          std::span<const PieceIndex> distrusted,
                                                          TimePoint now,
                                                          TimePoint claimed_before) const {
  std::optional<PieceIndex> best;
  for (const auto& [piece, since, last] : claimed_) {
    if (since >= claimed_before) break;
    const std::uint16_t claims = claims_[piece.value()];
    if (held_.has(piece) || !peer.has.has(piece) || holds(distrusted, piece)) continue;
    if (claims >= kMaxClaimsOfOnePiece && now - last < kClaimsStallAfter) continue;
    if (!best || claims < claims_[best->value()]) best = piece;
  }
  return best;
}

void LeftPieces::note_claim_locked(PieceIndex piece, TimePoint now) {
  if (claims_[piece.value()]++ == 0) {
    claimed_.push_back({piece, now, now});
    return;
  }
  const auto found = std::find_if(claimed_.begin(), claimed_.end(),
                                  [&](const Claimed& claimed) { return claimed.piece == piece; });
  found->last = now;
}

}  // namespace piecework::peer
