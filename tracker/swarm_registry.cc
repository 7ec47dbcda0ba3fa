#include "tracker/swarm_registry.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace piecework::tracker {

std::size_t SwarmRegistry::KeyHash::operator()(const Key& key) const noexcept {
  constexpr std::size_t kSpread = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  return std::hash<Endpoint>()(key.endpoint) ^ (std::hash<const Swarm*>()(key.swarm) * kSpread);
}

std::size_t SwarmRegistry::KeyHash::operator()(Slot slot) const noexcept {
  const Peer& peer = (*pool)[slot];
  return (*this)(Key{peer.swarm, peer.endpoint});
}

bool SwarmRegistry::KeyEqual::operator()(const Key& key, Slot slot) const noexcept {
  const Peer& peer = (*pool)[slot];
  return peer.swarm == key.swarm && peer.endpoint == key.endpoint;
}

SwarmRegistry::SwarmRegistry(const Limits& limits)
    : SwarmRegistry(limits, std::random_device()()) {}

SwarmRegistry::SwarmRegistry(const Limits& limits, std::uint64_t seed)
    : limits_(limits), random_(seed), by_key_(0, KeyHash{&pool_}, KeyEqual{&pool_}) {}

SwarmRegistry::Answer SwarmRegistry::announce(const Announce& announce, TimePoint now) {
  const bool v4 = announce.peer.address.is_v4();
  const Queue queue = announce.swarm ? Queue::kHashedSwarms
                      : announce.renews
                          ? (v4 ? Queue::kDefaultV4 : Queue::kDefaultV6)
                          : (v4 ? Queue::kDefaultV4Original : Queue::kDefaultV6Original);
  Answer answer{.outcome = Outcome::kRenewed, .peers = {}};
  MutexLock lock(mutex_);
  Swarm* swarm = find_swarm_locked(announce.swarm);
  Slot slot = swarm == nullptr ? kNoSlot : find_locked(*swarm, announce.peer);
  if (slot == kNoSlot) {
    if (is_full_locked(announce, swarm, answer)) return answer;
    answer.outcome = Outcome::kJoined;
    if (swarm == nullptr) {
      swarm = &swarms_.try_emplace(*announce.swarm, announce.swarm).first->second;
    }
    answer.new_swarm = swarm->members.empty();
    slot = insert_locked(*swarm, announce);
  } else {
    unlink_locked(slot);
    pool_[slot].peer_id = announce.peer_id;
  }
  set_complete_locked(pool_[slot], announce.complete);
  push_newest_locked(slot, queue, now);
  answer.peers = announce.swarm ? sample_locked(*swarm, slot, announce.numwant)
                                : most_recent_locked(slot, announce.numwant);
  answer.complete = swarm->complete;
  answer.incomplete = swarm->members.size() - swarm->complete;
  return answer;
}

bool SwarmRegistry::leave(const SwarmName& name, const Endpoint& peer) {
  MutexLock lock(mutex_);
  const Swarm* swarm = find_swarm_locked(name);
  if (swarm == nullptr) return false;
  const Slot slot = find_locked(*swarm, peer);
  if (slot == kNoSlot) return false;
  remove_locked(slot);
  return true;
}

std::vector<SwarmRegistry::Departed> SwarmRegistry::expire(TimePoint now, std::size_t most) {
  std::vector<Departed> departed;
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < kQueues; ++i) {
    while (departed.size() < most && is_due_locked(static_cast<Queue>(i), now)) {
      const Slot slot = queues_[i].oldest;
      departed.push_back({pool_[slot].swarm->name, pool_[slot].endpoint});
      remove_locked(slot);
    }
  }
  return departed;
}

void SwarmRegistry::set_limits(const Limits& limits) {
  MutexLock lock(mutex_);
  limits_ = limits;
}

SwarmRegistry::Counts SwarmRegistry::counts() const {
  MutexLock lock(mutex_);
  const std::size_t in_default = default_swarm_.members.empty() ? 0 : 1;
  return {swarms_.size() + in_default, by_key_.size()};
}

SwarmRegistry::Swarm* SwarmRegistry::find_swarm_locked(const SwarmName& name) {
  if (!name) return &default_swarm_;
  const auto at = swarms_.find(*name);
  return at == swarms_.end() ? nullptr : &at->second;
}

SwarmRegistry::Slot SwarmRegistry::find_locked(const Swarm& swarm, const Endpoint& endpoint) const {
  const auto at = by_key_.find(Key{&swarm, endpoint});
  return at == by_key_.end() ? kNoSlot : *at;
}

// Is there no room for a newcomer? Then `answer` says what is full.
bool SwarmRegistry::is_full_locked(const Announce& announce, const Swarm* swarm,
                                   Answer& answer) const {
  if (by_key_.size() >= std::min<std::size_t>(limits_.peers, kNoSlot)) {
    answer.outcome = Outcome::kTooManyPeers;
    return true;
  }
  if (announce.swarm && swarm == nullptr && swarms_.size() >= limits_.swarms) {
    answer.outcome = Outcome::kTooManySwarms;
    return true;
  }
  return false;
}

// A new member, in no queue yet.
SwarmRegistry::Slot SwarmRegistry::insert_locked(Swarm& swarm, const Announce& announce) {
  const Peer peer{.endpoint = announce.peer,
                  .queue = Queue::kHashedSwarms,
                  .complete = false,
                  .position = static_cast<std::uint32_t>(swarm.members.size()),
                  .older = kNoSlot,
                  .newer = kNoSlot,
                  .last_seen = {},
                  .swarm = &swarm,
                  .peer_id = announce.peer_id};
  Slot slot = static_cast<Slot>(pool_.size());
  if (free_.empty()) {
    pool_.push_back(peer);
  } else {
    slot = free_.back();
    free_.pop_back();
    pool_[slot] = peer;
  }
  swarm.members.push_back(slot);
  by_key_.insert(slot);
  return slot;
}

void SwarmRegistry::remove_locked(Slot slot) {
  Peer& peer = pool_[slot];
  Swarm& swarm = *peer.swarm;
  by_key_.erase(slot);
  unlink_locked(slot);
  set_complete_locked(peer, false);
  swap_members_locked(swarm, peer.position, swarm.members.size() - 1);
  swarm.members.pop_back();
  peer.peer_id = std::string();
  free_.push_back(slot);
  if (swarm.members.empty() && swarm.name) swarms_.erase(InfoHash(*swarm.name));
}

void SwarmRegistry::set_complete_locked(Peer& peer, bool complete) {
  if (peer.complete == complete) return;
  peer.complete = complete;
  if (complete) {
    ++peer.swarm->complete;
  } else {
    --peer.swarm->complete;
  }
}

void SwarmRegistry::push_newest_locked(Slot slot, Queue queue, TimePoint now) {
  Ends& ends = queues_[static_cast<std::size_t>(queue)];
  Peer& peer = pool_[slot];
  peer.queue = queue;
  // Threads take their time before they take the lock; the queue stays in order all the same.
  peer.last_seen = ends.newest == kNoSlot ? now : std::max(now, pool_[ends.newest].last_seen);
  peer.older = ends.newest;
  peer.newer = kNoSlot;
  (ends.newest == kNoSlot ? ends.oldest : pool_[ends.newest].newer) = slot;
  ends.newest = slot;
}

void SwarmRegistry::unlink_locked(Slot slot) {
  const Peer& peer = pool_[slot];
  Ends& ends = queues_[static_cast<std::size_t>(peer.queue)];
  (peer.older == kNoSlot ? ends.oldest : pool_[peer.older].newer) = peer.newer;
  (peer.newer == kNoSlot ? ends.newest : pool_[peer.newer].older) = peer.older;
}

void SwarmRegistry::swap_members_locked(Swarm& swarm, std::size_t a, std::size_t b) {
  std::swap(swarm.members[a], swarm.members[b]);
  pool_[swarm.members[a]].position = static_cast<std::uint32_t>(a);
  pool_[swarm.members[b]].position = static_cast<std::uint32_t>(b);
}

// Shuffles as many members to the front as are wanted (the first steps of Fisher and Yates' method,
// so that every choice is equally likely), with the asker out of the way at the end.
std::vector<AnnouncedPeer> SwarmRegistry::sample_locked(Swarm& swarm, Slot asker,
                                                        std::size_t numwant) {
  const std::size_t others = swarm.members.size() - 1;
  swap_members_locked(swarm, pool_[asker].position, others);
  std::vector<AnnouncedPeer> sample;
  sample.reserve(std::min(numwant, others));
  for (std::size_t i = 0; i < numwant && i < others; ++i) {
    std::uniform_int_distribution<std::size_t> pick(i, others - 1);
    swap_members_locked(swarm, i, pick(random_));
    const Peer& peer = pool_[swarm.members[i]];
    sample.push_back({peer.peer_id, peer.endpoint});
  }
  return sample;
}

// Merges the new ends of the default swarm's two IPv4 queues.
std::vector<AnnouncedPeer> SwarmRegistry::most_recent_locked(Slot asker,
                                                             std::size_t numwant) const {
  const auto newest_of = [this](Queue queue) REQUIRES(mutex_) {
    return queues_[static_cast<std::size_t>(queue)].newest;
  };
  Slot ours = newest_of(Queue::kDefaultV4);
  Slot original = newest_of(Queue::kDefaultV4Original);
  std::vector<AnnouncedPeer> recent;
  while (recent.size() < std::min(numwant, kMaxDefaultSwarmAnswer)) {
    const bool take_ours = ours != kNoSlot && (original == kNoSlot ||
                                               pool_[ours].last_seen >= pool_[original].last_seen);
    Slot& from = take_ours ? ours : original;
    if (from == kNoSlot) break;
    const Peer& peer = pool_[from];
    if (from != asker) recent.push_back({peer.peer_id, peer.endpoint});
    from = peer.older;
  }
  return recent;
}

bool SwarmRegistry::is_due_locked(Queue queue, TimePoint now) const {
  const Slot oldest = queues_[static_cast<std::size_t>(queue)].oldest;
  if (oldest == kNoSlot) return false;
  const bool original = queue == Queue::kDefaultV4Original || queue == Queue::kDefaultV6Original;
  const milliseconds expiry = original ? limits_.original_expiry : limits_.renewing_expiry;
  return now - pool_[oldest].last_seen > expiry;
}

}  // namespace piecework::tracker
