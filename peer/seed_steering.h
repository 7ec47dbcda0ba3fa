// Steers a swarm from its seeder: offers each leecher the piece that the fewest others have or have
// been promised, so that a seeder sends nothing twice before everything has gone out once, however
// many leechers ask at the same moment (the Suggest message of common/PROTOCOL.md; BEP 6 has it
// first). One SeedSteering a torrent, safe from any thread; one Offers a leecher, one thread at a
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bitfield.h"
#include "common/mutex.h"
#include "peer/piece_policy.h"

namespace piecework::peer {

class SeedSteering {
 public:
  SeedSteering(std::uint32_t pieces, std::uint64_t random_seed);

 private:
  friend class Offers;
  void joined(const Bitfield& counted) EXCLUDES(mutex_);
  void left(const Bitfield& counted) EXCLUDES(mutex_);
  void gained(PieceIndex piece) EXCLUDES(mutex_);
  // A piece that is not in `counted`, and is from now on counted.
  std::optional<PieceIndex> offer(const Bitfield& counted) EXCLUDES(mutex_);

  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  RarestFirst pieces_ GUARDED_BY(mutex_);  // all; "held" by those who have or were promised it
};

// What one leecher has and has been promised. Counts in the SeedSteering, which must outlive it, as
// long as it lives.
class Offers {
 public:
  Offers(SeedSteering& steering, const Bitfield& has);
  ~Offers();
  Offers(const Offers&) = delete;
  Offers& operator=(const Offers&) = delete;

  // The leecher has got `piece`, from whomever; or asks for it here.
  void settled(PieceIndex piece);

  // The next piece to offer; nothing while enough offers are open, or when it has everything.
  std::optional<PieceIndex> next();

 private:
  SeedSteering& steering_;
  Bitfield counted_;
  std::vector<PieceIndex> open_;  // offered, and not settled
};

}  // namespace piecework::peer
