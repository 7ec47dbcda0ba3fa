// Who has which torrent: swarms of peers, keyed by their address as the tracker saw it, with expiry
// (PROTOCOL.md section 4). Knows no sockets, and the time only as an argument.
//
// All peers stand in one pool of slots. A slot is in three structures: the hash table that finds it
// by swarm and address, its swarm's dense list (from which samples are drawn), and one of a few
// queues by the time it was last seen (from whose old end peers expire). Table and queues are
// linked by slot numbers within the pool, which keeps a peer at about a hundred bytes. Every
// operation is constant in the number of peers, so that one lock is enough. Safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/access_list.h"
#include "common/announce.h"
#include "common/clock.h"
#include "common/endpoint.h"
#include "common/mutex.h"
#include "common/torrent.h"
#include "tracker/swarm_members.h"

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
    NetworkIndex network = kNoNetwork;  // in which the peer is
  };

  enum class Outcome { kJoined, kRenewed, kTooManySwarms, kTooManyPeers };

  struct Answer {
    Outcome outcome;
    bool new_swarm = false;
    // Never the asker. In the default swarm IPv4 only, at most kMaxDefaultSwarmAnswer, the most
    // recently seen first; elsewhere a random choice of both families: those in the asker's
    // network first, and a quarter from elsewhere, as far as there are others.
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

  // Takes out peers with addresses that `access` denies. Looks at no more than `most` places of the
  // pool, from place `*next` on, where it leaves what comes next; nothing when that was the end.
  // Returns who they were.
  std::vector<Departed> take_out_denied(const AccessList& access, std::size_t most,
                                        std::optional<std::size_t>& next) EXCLUDES(mutex_);

  // Holds for announces and expiry from now on. Nobody is thrown out when a limit sinks.
  void set_limits(const Limits& limits) EXCLUDES(mutex_);

  Counts counts() const EXCLUDES(mutex_);

 private:
  using Slot = SwarmMembers::Slot;
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
    const InfoHash* name = nullptr;  // where it stands in swarms_; none for the default swarm
    SwarmMembers members;
    std::size_t complete = 0;
    SwarmName swarm_name() const { return name != nullptr ? SwarmName(*name) : std::nullopt; }
  };

  struct Peer {
    Endpoint endpoint;
    Queue queue = Queue::kHashedSwarms;
    bool complete = false;
    std::uint32_t position = 0;  // in its swarm's members
    Slot older = kNoSlot;        // neighbours in its queue
    Slot newer = kNoSlot;
    Slot next = kNoSlot;  // in its bucket of the table
    NetworkIndex network = kNoNetwork;
    TimePoint last_seen;
    Swarm* swarm = nullptr;
    std::unique_ptr<char[]> peer_id;  // ends in a NUL; it holds none
  };

  // Told by SwarmMembers where a peer stands now.
  struct NotePosition {
    std::deque<Peer>& pool;
    void operator()(Slot slot, std::uint32_t position) const { pool[slot].position = position; }
  };

  struct Ends {
    Slot oldest = kNoSlot;
    Slot newest = kNoSlot;
  };

  Swarm* find_swarm_locked(const SwarmName& name) REQUIRES(mutex_);
  Slot& bucket_locked(const Swarm* swarm, const Endpoint& endpoint) REQUIRES(mutex_);
  Slot find_locked(const Swarm& swarm, const Endpoint& endpoint) REQUIRES(mutex_);
  void link_bucket_locked(Slot slot) REQUIRES(mutex_);
  void unlink_bucket_locked(Slot slot) REQUIRES(mutex_);
  void grow_buckets_locked() REQUIRES(mutex_);
  bool is_full_locked(const Announce& announce, const Swarm* swarm, Answer& answer) const
      REQUIRES(mutex_);
  Slot insert_locked(Swarm& swarm, const Announce& announce) REQUIRES(mutex_);
  void remove_locked(Slot slot) REQUIRES(mutex_);
  void set_complete_locked(Peer& peer, bool complete) REQUIRES(mutex_);
  void push_newest_locked(Slot slot, Queue queue, TimePoint now) REQUIRES(mutex_);
  void unlink_locked(Slot slot) REQUIRES(mutex_);
  void add_member_locked(Slot slot, NetworkIndex network) REQUIRES(mutex_);
  void remove_member_locked(Slot slot) REQUIRES(mutex_);
  std::vector<AnnouncedPeer> sample_locked(Slot asker, std::size_t numwant) REQUIRES(mutex_);
  void draw_locked(const SwarmMembers& members, SwarmMembers::Range from, SwarmMembers::Range hole,
                   std::size_t count, std::vector<AnnouncedPeer>& sample) REQUIRES(mutex_);
  std::vector<AnnouncedPeer> most_recent_locked(Slot asker, std::size_t numwant) const
      REQUIRES(mutex_);
  bool is_due_locked(Queue queue, TimePoint now) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  Limits limits_ GUARDED_BY(mutex_);
  std::mt19937_64 random_ GUARDED_BY(mutex_);
  std::deque<Peer> pool_ GUARDED_BY(mutex_);
  std::vector<Slot> free_ GUARDED_BY(mutex_);
  std::vector<Slot> buckets_ GUARDED_BY(mutex_);  // a power of two of them
  std::size_t peers_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<InfoHash, Swarm> swarms_ GUARDED_BY(mutex_);
  Swarm default_swarm_ GUARDED_BY(mutex_);
  std::array<Ends, kQueues> queues_ GUARDED_BY(mutex_);
};

}  // namespace piecework::tracker
