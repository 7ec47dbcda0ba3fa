// Who has which torrent: swarms of peers, keyed by their address as the tracker saw it, with expiry
// (PROTOCOL.md section 4). Knows no sockets, and the time only as an argument.
//
// All peers stand in one pool of slots. A slot is in three structures: the hash table that finds it
// by swarm and address, its swarm's dense list (from which samples are drawn), and one of a few
// queues by the time it was last seen (from whose old end peers expire). Every operation is
// constant in the number of peers, so that one lock is enough. Safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/announce.h"
#include "common/clock.h"
#include "common/endpoint.h"
#include "common/mutex.h"
#include "common/torrent.h"

namespace piecework::tracker {

// The most addresses in an answer in the default swarm: an original program ends for good at the
// first address that refuses it.
inline constexpr std::size_t kMaxDefaultSwarmAnswer = 8;

// A swarm's name; none for the default swarm.
using SwarmName = std::optional<InfoHash>;

class SwarmRegistry {
 public:
  struct Limits {
    std::size_t swarms;            // besides the default swarm
    std::size_t peers;             // in all swarms together
    milliseconds renewing_expiry;  // of peers that announce again and again
    milliseconds original_expiry;  // of peers that announce once
  };

  struct Announce {
    SwarmName swarm;
    Endpoint peer;
    std::string peer_id;
    bool renews;    // false for an original program
    bool complete;  // has the whole file
    std::size_t numwant;
  };

  enum class Outcome { kJoined, kRenewed, kTooManySwarms, kTooManyPeers };

  struct Answer {
    Outcome outcome;
    bool new_swarm = false;
    // Never the asker. In the default swarm IPv4 only, at most kMaxDefaultSwarmAnswer, the most
    // recently seen first; elsewhere a random choice of both families.
    std::vector<AnnouncedPeer> peers;
    // Peers in the swarm after the request, the asker included.
    std::size_t complete = 0;
    std::size_t incomplete = 0;
  };

  struct Departed {
    SwarmName swarm;
    Endpoint peer;
  };

  struct Counts {
    std::size_t swarms;  // with at least one peer
    std::size_t peers;
  };

  explicit SwarmRegistry(const Limits& limits);
  // The same with a fixed choice of samples.
  SwarmRegistry(const Limits& limits, std::uint64_t seed);

  // Puts the peer into the swarm, or renews it. Refused, nothing changes.
  Answer announce(const Announce& announce, TimePoint now) EXCLUDES(mutex_);

  // Takes the peer out of the swarm. False when it was not there.
  bool leave(const SwarmName& swarm, const Endpoint& peer) EXCLUDES(mutex_);

  // Takes out peers not seen for too long, at most `most` of them: the lock is not held for more.
  // Returns who they were; when they are `most`, there may be others.
  std::vector<Departed> expire(TimePoint now, std::size_t most) EXCLUDES(mutex_);

  // Holds for announces and expiry from now on. Nobody is thrown out when a limit sinks.
  void set_limits(const Limits& limits) EXCLUDES(mutex_);

  Counts counts() const EXCLUDES(mutex_);

 private:
  using Slot = std::uint32_t;
  static constexpr Slot kNoSlot = UINT32_MAX;

  // One for each kind of peer that is asked for by age or has an expiry of its own.
  enum class Queue : std::uint8_t {
    kHashedSwarms,
    kDefaultV4,
    kDefaultV6,
    kDefaultV4Original,
    kDefaultV6Original,
  };
  static constexpr std::size_t kQueues = 5;

  struct Swarm {
    explicit Swarm(SwarmName swarm_name) : name(std::move(swarm_name)) {}
    const SwarmName name;
    std::vector<Slot> members;  // in no order
    std::size_t complete = 0;
  };

  struct Peer {
    Endpoint endpoint;
    Queue queue;
    bool complete;
    std::uint32_t position;  // in its swarm's members
    Slot older;              // neighbours in its queue
    Slot newer;
    TimePoint last_seen;
    Swarm* swarm;
    std::string peer_id;
  };

  struct Ends {
    Slot oldest = kNoSlot;
    Slot newest = kNoSlot;
  };

  struct Key {
    const Swarm* swarm;
    Endpoint endpoint;
    bool operator==(const Key&) const = default;
  };

  // The table of slots holds nothing but their numbers; what they are called stands in the pool.
  struct KeyHash {
    using is_transparent = void;
    const std::deque<Peer>* pool;
    std::size_t operator()(const Key& key) const noexcept;
    std::size_t operator()(Slot slot) const noexcept;
  };
  struct KeyEqual {
    using is_transparent = void;
    const std::deque<Peer>* pool;
    bool operator()(Slot a, Slot b) const noexcept { return a == b; }
    bool operator()(const Key& key, Slot slot) const noexcept;
    bool operator()(Slot slot, const Key& key) const noexcept { return (*this)(key, slot); }
  };

  Swarm* find_swarm_locked(const SwarmName& name) REQUIRES(mutex_);
  Slot find_locked(const Swarm& swarm, const Endpoint& endpoint) const REQUIRES(mutex_);
  bool is_full_locked(const Announce& announce, const Swarm* swarm, Answer& answer) const
      REQUIRES(mutex_);
  Slot insert_locked(Swarm& swarm, const Announce& announce) REQUIRES(mutex_);
  void remove_locked(Slot slot) REQUIRES(mutex_);
  void set_complete_locked(Peer& peer, bool complete) REQUIRES(mutex_);
  void push_newest_locked(Slot slot, Queue queue, TimePoint now) REQUIRES(mutex_);
  void unlink_locked(Slot slot) REQUIRES(mutex_);
  void swap_members_locked(Swarm& swarm, std::size_t a, std::size_t b) REQUIRES(mutex_);
  std::vector<AnnouncedPeer> sample_locked(Swarm& swarm, Slot asker, std::size_t numwant)
      REQUIRES(mutex_);
  std::vector<AnnouncedPeer> most_recent_locked(Slot asker, std::size_t numwant) const
      REQUIRES(mutex_);
  bool is_due_locked(Queue queue, TimePoint now) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  Limits limits_ GUARDED_BY(mutex_);
  std::mt19937_64 random_ GUARDED_BY(mutex_);
  std::deque<Peer> pool_ GUARDED_BY(mutex_);
  std::vector<Slot> free_ GUARDED_BY(mutex_);
  std::unordered_set<Slot, KeyHash, KeyEqual> by_key_ GUARDED_BY(mutex_);
  std::unordered_map<InfoHash, Swarm> swarms_ GUARDED_BY(mutex_);
  Swarm default_swarm_ GUARDED_BY(mutex_){std::nullopt};
  std::array<Ends, kQueues> queues_ GUARDED_BY(mutex_);
};

}  // namespace piecework::tracker
