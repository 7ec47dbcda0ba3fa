#include "tracker/swarm_registry.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

namespace piecework::tracker {

namespace {

constexpr std::size_t kFewestBuckets = 64;

std::unique_ptr<char[]> compact(const std::string& text) {
  auto copy = std::make_unique_for_overwrite<char[]>(text.size() + 1);
  std::memcpy(copy.get(), text.c_str(), text.size() + 1);
  return copy;
}

}  // namespace

SwarmRegistry::SwarmRegistry(const Limits& limits)
    : SwarmRegistry(limits, std::random_device()()) {}

SwarmRegistry::SwarmRegistry(const Limits& limits, std::uint64_t seed)
    : limits_(limits), random_(seed), buckets_(kFewestBuckets, kNoSlot) {}

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
      const auto at = swarms_.try_emplace(*announce.swarm).first;
      swarm = &at->second;
      swarm->name = &at->first;
    }
    answer.new_swarm = swarm->members.size() == 0;
    slot = insert_locked(*swarm, announce);
  } else {
    unlink_locked(slot);
    Peer& peer = pool_[slot];
    if (announce.peer_id != peer.peer_id.get()) peer.peer_id = compact(announce.peer_id);
    if (announce.network != peer.network) {
      remove_member_locked(slot);
      add_member_locked(slot, announce.network);
    }
  }
  set_complete_locked(pool_[slot], announce.complete);
  push_newest_locked(slot, queue, now);
  answer.peers = announce.swarm ? sample_locked(slot, announce.numwant)
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
      departed.push_back({pool_[slot].swarm->swarm_name(), pool_[slot].endpoint});
      remove_locked(slot);
    }
  }
  return departed;
}

std::vector<SwarmRegistry::Departed> SwarmRegistry::take_out_denied(
    const AccessList& access, std::size_t most, std::optional<std::size_t>& next) {
  std::vector<Departed> departed;
  MutexLock lock(mutex_);
  const std::size_t from = std::min(next.value_or(0), pool_.size());
  const std::size_t end = from + std::min(most, pool_.size() - from);
  for (std::size_t at = from; at < end; ++at) {
    const Peer& peer = pool_[at];
    const bool free = !peer.peer_id;
    if (free || access.admits(peer.endpoint.address)) continue;
    departed.push_back({peer.swarm->swarm_name(), peer.endpoint});
    remove_locked(static_cast<Slot>(at));
  }
  next = end < pool_.size() ? std::optional(end) : std::nullopt;
  return departed;
}

void SwarmRegistry::set_limits(const Limits& limits) {
  MutexLock lock(mutex_);
  limits_ = limits;
}

SwarmRegistry::Counts SwarmRegistry::counts() const {
  MutexLock lock(mutex_);
  const std::size_t in_default = default_swarm_.members.size() == 0 ? 0 : 1;
  return {swarms_.size() + in_default, peers_};
}

SwarmRegistry::Swarm* SwarmRegistry::find_swarm_locked(const SwarmName& name) {
  if (!name) return &default_swarm_;
  const auto at = swarms_.find(*name);
  return at == swarms_.end() ? nullptr : &at->second;
}

SwarmRegistry::Slot& SwarmRegistry::bucket_locked(const Swarm* swarm, const Endpoint& endpoint) {
  constexpr std::size_t kSpread = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  const std::size_t hash =
      std::hash<Endpoint>()(endpoint) ^ (std::hash<const Swarm*>()(swarm) * kSpread);
  return buckets_[(hash * kSpread >> 32) & (buckets_.size() - 1)];
}

SwarmRegistry::Slot SwarmRegistry::find_locked(const Swarm& swarm, const Endpoint& endpoint) {
  Slot slot = bucket_locked(&swarm, endpoint);
  while (slot != kNoSlot && (pool_[slot].swarm != &swarm || pool_[slot].endpoint != endpoint)) {
    slot = pool_[slot].next;
  }
  return slot;
}

void SwarmRegistry::link_bucket_locked(Slot slot) {
  Peer& peer = pool_[slot];
  peer.next = std::exchange(bucket_locked(peer.swarm, peer.endpoint), slot);
}

void SwarmRegistry::unlink_bucket_locked(Slot slot) {
  const Peer& peer = pool_[slot];
  Slot* link = &bucket_locked(peer.swarm, peer.endpoint);
  while (*link != slot) link = &pool_[*link].next;
  *link = peer.next;
}

void SwarmRegistry::grow_buckets_locked() {
  std::vector<Slot> old(buckets_.size() * 2, kNoSlot);
  old.swap(buckets_);
  for (Slot first : old) {
    while (first != kNoSlot) link_bucket_locked(std::exchange(first, pool_[first].next));
  }
}

// Is there no room for a newcomer? Then `answer` says what is full.
bool SwarmRegistry::is_full_locked(const Announce& announce, const Swarm* swarm,
                                   Answer& answer) const {
  if (peers_ >= std::min<std::size_t>(limits_.peers, kNoSlot)) {
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
  Slot slot = static_cast<Slot>(pool_.size());
  if (free_.empty()) {
    pool_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Peer& peer = pool_[slot];
  peer.endpoint = announce.peer;
  peer.swarm = &swarm;
  peer.peer_id = compact(announce.peer_id);
  add_member_locked(slot, announce.network);
  if (++peers_ > buckets_.size()) grow_buckets_locked();
  link_bucket_locked(slot);
  return slot;
}

void SwarmRegistry::remove_locked(Slot slot) {
  Peer& peer = pool_[slot];
  const Swarm& swarm = *peer.swarm;
  unlink_bucket_locked(slot);
  unlink_locked(slot);
  set_complete_locked(peer, false);
  remove_member_locked(slot);
  peer.peer_id.reset();
  free_.push_back(slot);
  --peers_;
  if (swarm.members.size() == 0 && swarm.name != nullptr) swarms_.erase(InfoHash(*swarm.name));
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

void SwarmRegistry::add_member_locked(Slot slot, NetworkIndex network) {
  Peer& peer = pool_[slot];
  peer.network = network;
  peer.swarm->members.add(slot, network, NotePosition{pool_});
}

void SwarmRegistry::remove_member_locked(Slot slot) {
  const Peer& peer = pool_[slot];
  peer.swarm->members.remove(peer.position, peer.network, NotePosition{pool_});
}

// Where all are near each other, the network has no part in it. Else a quarter comes from
// elsewhere, if there are so many: with near ones alone, networks of many peers each would be
// swarms of their own, and a piece that exists in one of them would never reach the others.
std::vector<AnnouncedPeer> SwarmRegistry::sample_locked(Slot asker, std::size_t numwant) {
  const Peer& peer = pool_[asker];
  const SwarmMembers& members = peer.swarm->members;
  const SwarmMembers::Range all{0, members.size()};
  const SwarmMembers::Range self{peer.position, peer.position + 1};
  const SwarmMembers::Range near =
      peer.network == kNoNetwork ? self : members.range_of(peer.network);
  const std::size_t far_count = all.size() - near.size();
  const std::size_t far_wanted = std::min(far_count, (numwant + 3) / 4);
  const std::size_t near_wanted = std::min<std::size_t>(near.size() - 1, numwant - far_wanted);
  std::vector<AnnouncedPeer> sample;
  sample.reserve(std::min<std::size_t>(numwant, all.size() - 1));
  draw_locked(members, near, self, near_wanted, sample);
  draw_locked(members, all, near, std::min(far_count, numwant - near_wanted), sample);
  return sample;
}

// Adds `count` different members of the range without the hole, which are so many at least: every
// choice is equally likely (R. Floyd's method, CACM 30(9), 1987), in random order.
void SwarmRegistry::draw_locked(const SwarmMembers& members, SwarmMembers::Range from,
                                SwarmMembers::Range hole, std::size_t count,
                                std::vector<AnnouncedPeer>& sample) {
  const std::uint32_t choice = from.size() - hole.size();
  std::vector<std::uint32_t> drawn;
  drawn.reserve(count);
  for (auto last = choice - static_cast<std::uint32_t>(count); last < choice; ++last) {
    const auto pick = std::uniform_int_distribution<std::uint32_t>(0, last)(random_);
    const bool taken = std::find(drawn.begin(), drawn.end(), pick) != drawn.end();
    drawn.push_back(taken ? last : pick);
  }
  std::shuffle(drawn.begin(), drawn.end(), random_);
  for (const std::uint32_t number : drawn) {
    const std::uint32_t position = from.begin + number;
    const Peer& peer = pool_[members[position < hole.begin ? position : position + hole.size()]];
    sample.push_back({peer.peer_id.get(), peer.endpoint});
  }
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
    if (from != asker) recent.push_back({peer.peer_id.get(), peer.endpoint});
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
