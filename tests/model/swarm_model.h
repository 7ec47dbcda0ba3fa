// A swarm of nodes (model_node.h) around a real tracker registry, with slow and broken links, wrong
// pieces, restarts and crashes: everything that the seed says, on a clock that nobody waits for.
// What PeerConnection, Swarm and Download do between the parts is said here again without threads
// and sockets.
#pragma once

#include <cstdint>
#include <string>

namespace piecework::model {

// What happened, so that a test can see that the model meets what it is there for.
struct SwarmStats {
  std::uint64_t events = 0;
  std::uint64_t pieces = 0;  // received and kept
  std::uint64_t bad_pieces = 0;
  std::uint64_t late_pieces = 0;  // received when they were held already
  std::uint64_t endgame_claims = 0;
  std::uint64_t cancels = 0;
  std::uint64_t offers = 0;
  std::uint64_t chokes = 0;
  std::uint64_t bans = 0;
  std::uint64_t parallel = 0;  // second connections between two nodes
  std::uint64_t faults = 0;

  SwarmStats& operator+=(const SwarmStats& other);
};
std::string to_text(const SwarmStats& stats);  // for people

// Runs until faults have ceased and every node has every piece. Throws ModelError when an invariant
// does not hold, or nobody gets on any more.
SwarmStats run_swarm(std::uint64_t seed);

}  // namespace piecework::model
