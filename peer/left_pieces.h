// The guarded queue of left pieces that coordinates parallel downloads: every piece is held,
// claimed by a connection, or left. Does no I/O and wakes nobody; which piece comes next is
// piece_policy.h's choice. Safe from any thread. Its lock may be taken while an Exchange's or the
// Swarm's is held, never the reverse.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/bitfield.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "peer/piece_policy.h"

namespace piecework::peer {

class LeftPieces;

// One connection's claim on one piece. Goes back to the queue when destroyed, unless the piece has
// been completed meanwhile. The LeftPieces must outlive it.
class PieceClaim {
 public:
  PieceClaim(PieceClaim&& other) noexcept;
  PieceClaim& operator=(PieceClaim&& other) noexcept;
  PieceClaim(const PieceClaim&) = delete;
  PieceClaim& operator=(const PieceClaim&) = delete;
  ~PieceClaim();

  PieceIndex piece() const { return piece_; }

 private:
  friend class LeftPieces;
  PieceClaim(LeftPieces* owner, PieceIndex piece) : owner_(owner), piece_(piece) {}
  LeftPieces* owner_;
  PieceIndex piece_;
};

// What one peer holds, as its connection knows it.
struct PeerPieces {
  Bitfield has;
  bool counted = false;  // its pieces count towards availability; a seeder's need not
};

class LeftPieces {
 public:
  LeftPieces(const Bitfield& held, std::uint64_t random_seed);

  // A connection learnt what its peer holds; learnt that it gained `piece` (which `peer.has` then
  // holds); ended.
  void peer_joined(PeerPieces& peer) EXCLUDES(mutex_);
  void peer_gained(PeerPieces& peer, PieceIndex piece) EXCLUDES(mutex_);
  void peer_left(PeerPieces& peer) EXCLUDES(mutex_);

  // The next piece to ask of a peer that has `peer.has`, or nothing. Pieces in `distrusted` (which
  // the peer sent wrongly) come last, and not as long as somebody else has them. Endgame: when no
  // piece that the peer has is left unclaimed, one that others claimed before `claimed_before` and
  // that has not come since; a few at most ask for the same one, and another when a minute has
  // brought nothing. kNoEndgame: none of those.
  std::optional<PieceClaim> claim(const PeerPieces& peer, std::span<const PieceIndex> distrusted,
                                  TimePoint now, TimePoint claimed_before) EXCLUDES(mutex_);
  // `piece`, if it is left.
  std::optional<PieceClaim> claim_left(PieceIndex piece, TimePoint now) EXCLUDES(mutex_);
  static constexpr TimePoint kNoEndgame = TimePoint::min();

  // The piece has been verified and is going to be stored, by the first who asks: false for every
  // other. Nobody else may write to it then, however late what he was sent in the endgame comes.
  bool begin_storing(PieceIndex piece) EXCLUDES(mutex_);
  // That did not work: somebody else may try.
  void storing_failed(PieceIndex piece) EXCLUDES(mutex_);
  // The piece has been verified and stored. False when it had been before.
  bool complete(PieceIndex piece) EXCLUDES(mutex_);

  // Is every missing piece claimed?
  bool none_left() const EXCLUDES(mutex_);
  bool is_held(PieceIndex piece) const EXCLUDES(mutex_);
  Bitfield held() const EXCLUDES(mutex_);
  std::uint32_t held_count() const EXCLUDES(mutex_);
  std::uint64_t held_bytes(const PieceLayout& layout) const EXCLUDES(mutex_);
  bool all_held() const EXCLUDES(mutex_);
  // Connected peers that hold everything count as one each.
  std::uint32_t availability(PieceIndex piece) const EXCLUDES(mutex_);
  // Missing pieces that no connected peer has.
  std::uint32_t unavailable() const EXCLUDES(mutex_);

 private:
  friend class PieceClaim;
  struct Claimed {
    PieceIndex piece;
    TimePoint since;  // of the first claim, and
    TimePoint last;   // of the last one
  };

  void give_back(PieceIndex piece) EXCLUDES(mutex_);
  std::uint32_t availability_locked(PieceIndex piece) const REQUIRES(mutex_);
  std::optional<PieceIndex> last_resort_locked(const PeerPieces& peer,
                                               std::span<const PieceIndex> distrusted) const
      REQUIRES(mutex_);
  std::optional<PieceIndex> endgame_pick_locked(const PeerPieces& peer,
                                                std::span<const PieceIndex> distrusted,
                                                TimePoint now, TimePoint claimed_before) const
      REQUIRES(mutex_);
  void note_claim_locked(PieceIndex piece, TimePoint now) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  Bitfield held_ GUARDED_BY(mutex_);
  std::vector<PieceIndex> being_stored_ GUARDED_BY(mutex_);
  RarestFirst left_ GUARDED_BY(mutex_);                   // neither held nor claimed
  std::vector<std::uint16_t> claims_ GUARDED_BY(mutex_);  // how many connections claim each piece
  std::vector<Claimed> claimed_ GUARDED_BY(mutex_);       // those with claims, oldest first
  std::uint32_t seeders_ GUARDED_BY(mutex_) = 0;          // joined with everything: not counted
};

}  // namespace piecework::peer
