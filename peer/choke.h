// Whom to serve when more peers want pieces than there are upload slots. Pure: no locks, no I/O,
// and time is passed in. Originals are never choked (PROTOCOL.md section 5) and take no slot, so
// nothing here knows of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/clock.h"
#include "peer/sharing.h"

namespace piecework::peer {

// Slots change hands so often, and not before a peer has had one for so long: the first is for
// seeders, the second for the optimistic slots of a leecher (BEP 3, "Choking and Optimistic
// Unchoking").
inline constexpr seconds kRotateEvery{10};
inline constexpr seconds kOptimisticTime{30};

// Who has taken nothing for so long does not read. The kernel of one that reads slowly makes room
// in steps: 128 KiB or so while its receive buffer has the size that it begins with, which is 16 s
// at 8 KiB/s, the least that a frame may come at (frame_time()). A slow line is seen to move all
// the while.
inline constexpr seconds kDeafAfter{20};

// A peer of ours that is interested.
struct ChokePeer {
  bool unchoked = false;
  TimePoint since;             // when it was unchoked, or began to wait
  std::uint64_t received = 0;  // bytes of pieces that it has sent us lately
  Sharing::Balance balance = {};
  TimePoint stalled_since = kNoDeadline;  // it has taken nothing of what waits for it
};

enum class ChokeRound {
  kFill,    // slots that are free are given away
  kRotate,  // and those who have had one long enough make room for those who wait
};

// Whom to serve: a flag for each of `peers`, `slots` of them set at most, and no slot is left empty
// while somebody waits but those who only take. `slots` is at least 1. Who does not read gets none.
//
// Seeding, everyone gets a slot in turn: who waits longest takes that of who has had it longest. As
// long as some pass on what they are given, those who only take share one slot, or none if there is
// but one: what they get is lost to the others.
// Leeching, those who have sent us most keep the slots, but for one in eight: those, and what
// reciprocates nobody, go round among the others in the same way. At most a quarter of what goes
// round (at least one) changes hands at a time, since a Choke throws away what was asked for.
std::vector<bool> choose_unchoked(std::span<const ChokePeer> peers, std::size_t slots,
                                  ChokeRound round, bool seeding, TimePoint now);

}  // namespace piecework::peer
