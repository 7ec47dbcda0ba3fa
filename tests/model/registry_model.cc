#include "tests/model/registry_model.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "common/fields.h"
#include "tests/model/model_runs.h"
#include "tracker/swarm_registry.h"

namespace piecework::model {
namespace {

using tracker::NetworkIndex;
using tracker::SwarmName;
using tracker::SwarmRegistry;
using Outcome = SwarmRegistry::Outcome;

constexpr int kSteps = 600;

struct Entry {
  SwarmRegistry::Announce says;
  TimePoint last_seen;
  std::uint64_t order;  // of the announces
};

// Which queue of the registry an entry stands in; those of one queue are in the order of their
// times, even when the announces' own times are not.
int queue_of(const SwarmRegistry::Announce& says) {
  if (says.swarm) return 0;
  return 1 + (says.peer.address.is_v4() ? 0 : 1) + (says.renews ? 0 : 2);
}

class NaiveRegistry {
 public:
  explicit NaiveRegistry(const SwarmRegistry::Limits& limits) : limits_(limits) {}

  Outcome announce(const SwarmRegistry::Announce& says, TimePoint now) {
    const auto found = find(says.swarm, says.peer);
    const bool known = found != entries_.end();
    if (!known && entries_.size() >= limits_.peers) return Outcome::kTooManyPeers;
    if (!known && says.swarm && members(says.swarm).empty() && named_swarms() >= limits_.swarms) {
      return Outcome::kTooManySwarms;
    }
    if (known) entries_.erase(found);
    for (const Entry& entry : entries_) {
      if (queue_of(entry.says) == queue_of(says)) now = std::max(now, entry.last_seen);
    }
    entries_.push_back({says, now, ++announces_});
    return known ? Outcome::kRenewed : Outcome::kJoined;
  }

  bool leave(const SwarmName& swarm, const Endpoint& peer) {
    const auto found = find(swarm, peer);
    if (found == entries_.end()) return false;
    entries_.erase(found);
    return true;
  }

  bool is_due(const Entry& entry, TimePoint now) const {
    const bool original = !entry.says.swarm && !entry.says.renews;
    return now - entry.last_seen > (original ? limits_.original_expiry : limits_.renewing_expiry);
  }
  std::size_t count_due(TimePoint now) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(entries_, [&](const Entry& entry) { return is_due(entry, now); }));
  }

  const Entry* entry(const SwarmName& swarm, const Endpoint& peer) {
    const auto found = find(swarm, peer);
    return found == entries_.end() ? nullptr : &*found;
  }
  std::vector<Entry> members(const SwarmName& swarm) const {
    std::vector<Entry> found;
    for (const Entry& entry : entries_) {
      if (entry.says.swarm == swarm) found.push_back(entry);
    }
    return found;
  }
  std::size_t peers() const { return entries_.size(); }
  std::size_t named_swarms() const {
    std::set<InfoHash> names;
    for (const Entry& entry : entries_) {
      if (entry.says.swarm) names.insert(*entry.says.swarm);
    }
    return names.size();
  }
  void set_limits(const SwarmRegistry::Limits& limits) { limits_ = limits; }

 private:
  std::vector<Entry>::iterator find(const SwarmName& swarm, const Endpoint& peer) {
    return std::ranges::find_if(entries_, [&](const Entry& entry) {
      return entry.says.swarm == swarm && entry.says.peer == peer;
    });
  }

  SwarmRegistry::Limits limits_;
  std::uint64_t announces_ = 0;
  std::vector<Entry> entries_;
};

class RegistryModel {
 public:
  explicit RegistryModel(std::uint64_t seed)
      : draw_(seed), limits_(draw_limits()), real_(limits_, seed), naive_(limits_) {}

  RegistryStats run();

 private:
  SwarmRegistry::Limits draw_limits();
  SwarmName draw_swarm();
  Endpoint draw_endpoint();

  void announce();
  void check_sample(const SwarmRegistry::Announce& asker, const SwarmRegistry::Answer& answer);
  void check_default(const SwarmRegistry::Announce& asker, const SwarmRegistry::Answer& answer);
  void leave();
  void expire();
  void check_counts();

  Draw draw_;
  SwarmRegistry::Limits limits_;
  SwarmRegistry real_;
  NaiveRegistry naive_;
  TimePoint now_{std::chrono::hours(1)};
  RegistryStats stats_;
};

SwarmRegistry::Limits RegistryModel::draw_limits() {
  return {.swarms = 1 + draw_.below(5),
          .peers = draw_.one_in(3) ? 1 + draw_.below(40) : 1000,
          .renewing_expiry = seconds(1 + draw_.below(300)),
          .original_expiry = seconds(1 + draw_.below(2000))};
}

SwarmName RegistryModel::draw_swarm() {
  const std::size_t number = draw_.below(5);
  if (number == 0) return std::nullopt;
  return InfoHash(std::array<std::byte, 32>{static_cast<std::byte>(number)});
}

Endpoint RegistryModel::draw_endpoint() {
  const std::string number = std::to_string(1 + draw_.below(40));
  const bool v4 = !draw_.one_in(4);
  return *Endpoint::parse(v4 ? "10.0.0." + number + ":5555" : "[fd00::" + number + "]:5555");
}

void RegistryModel::announce() {
  const SwarmRegistry::Announce says{.swarm = draw_swarm(),
                                     .peer = draw_endpoint(),
                                     .peer_id = "id" + std::to_string(draw_.below(100)),
                                     .renews = !draw_.one_in(3),
                                     .complete = draw_.one_in(3),
                                     .numwant = draw_.below(draw_.one_in(2) ? 200 : 12),
                                     .network = static_cast<NetworkIndex>(draw_.below(4))};
  const bool was_empty = naive_.members(says.swarm).empty();
  // A thread may have looked at the clock before another that came first.
  const TimePoint seen = now_ - milliseconds(draw_.below(draw_.one_in(4) ? 20'000 : 50));
  const auto answer = real_.announce(says, seen);
  const Outcome outcome = naive_.announce(says, seen);
  must(answer.outcome == outcome, "an announce comes to the same");
  if (outcome == Outcome::kTooManyPeers || outcome == Outcome::kTooManySwarms) {
    must(answer.peers.empty(), "who is refused is told of nobody");
    ++stats_.refused;
    return;
  }
  ++(outcome == Outcome::kJoined ? stats_.joined : stats_.renewed);
  must(answer.new_swarm == (outcome == Outcome::kJoined && was_empty), "a first peer is new");
  const auto members = naive_.members(says.swarm);
  const auto complete = static_cast<std::size_t>(
      std::ranges::count_if(members, [](const Entry& entry) { return entry.says.complete; }));
  must(answer.complete == complete, "as many are complete");
  must(answer.incomplete == members.size() - complete, "as many are not");
  for (const AnnouncedPeer& peer : answer.peers) {
    const Entry* entry = naive_.entry(says.swarm, peer.endpoint);
    must(entry != nullptr, "nobody is told of who is not there");
    must(entry->says.peer_id == peer.peer_id, "a peer is called what it has said last");
    must(peer.endpoint != says.peer, "nobody is told of himself");
  }
  stats_.named += answer.peers.size();
  says.swarm ? check_sample(says, answer) : check_default(says, answer);
}

// As many as are wanted, nobody twice, near ones first and a quarter from elsewhere.
void RegistryModel::check_sample(const SwarmRegistry::Announce& asker,
                                 const SwarmRegistry::Answer& answer) {
  const auto is_near = [&](const Entry& entry) {
    return asker.network != tracker::kNoNetwork && entry.says.network == asker.network;
  };
  std::set<Endpoint> seen;
  std::size_t near = 0;
  for (const AnnouncedPeer& peer : answer.peers) {
    must(seen.insert(peer.endpoint).second, "nobody is named twice");
    near += is_near(*naive_.entry(asker.swarm, peer.endpoint)) ? 1 : 0;
  }
  const auto members = naive_.members(asker.swarm);
  const std::size_t others = members.size() - 1;
  must(answer.peers.size() == std::min(asker.numwant, others), "as many are named as are wanted");
  if (asker.network == tracker::kNoNetwork) return;
  const auto all_near = static_cast<std::size_t>(std::ranges::count_if(members, is_near)) - 1;
  const std::size_t far_wanted = std::min(others - all_near, (asker.numwant + 3) / 4);
  must(near == std::min(all_near, asker.numwant - far_wanted), "as many are near as can be");
}

// The most recently seen of IPv4, exactly.
void RegistryModel::check_default(const SwarmRegistry::Announce& asker,
                                  const SwarmRegistry::Answer& answer) {
  auto members = naive_.members(asker.swarm);
  std::erase_if(members, [&](const Entry& entry) {
    return entry.says.peer == asker.peer || !entry.says.peer.address.is_v4();
  });
  std::ranges::sort(members, [](const Entry& a, const Entry& b) {
    if (a.last_seen != b.last_seen) return a.last_seen > b.last_seen;
    if (a.says.renews != b.says.renews) return a.says.renews;
    return a.order > b.order;
  });
  members.resize(std::min({members.size(), asker.numwant, tracker::kMaxDefaultSwarmAnswer}));
  must(std::ranges::equal(
           members, answer.peers, {}, [](const Entry& entry) { return entry.says.peer; },
           [](const AnnouncedPeer& peer) { return peer.endpoint; }),
       "the most recently seen are named, in that order");
}

void RegistryModel::leave() {
  const SwarmName swarm = draw_swarm();
  const Endpoint peer = draw_endpoint();
  const bool was_there = real_.leave(swarm, peer);
  must(was_there == naive_.leave(swarm, peer), "who is there can leave");
  stats_.left += was_there ? 1 : 0;
}

void RegistryModel::expire() {
  const std::size_t due = naive_.count_due(now_);
  const std::size_t most = draw_.one_in(2) ? 1000 : draw_.below(4);
  const auto departed = real_.expire(now_, most);
  must(departed.size() == std::min(due, most), "as many expire as are due");
  for (const auto& [swarm, peer] : departed) {
    const Entry* entry = naive_.entry(swarm, peer);
    must(entry != nullptr && naive_.is_due(*entry, now_), "only who has not renewed expires");
    naive_.leave(swarm, peer);
  }
  stats_.expired += departed.size();
}

void RegistryModel::check_counts() {
  const auto counts = real_.counts();
  must(counts.peers == naive_.peers(), "all peers are counted");
  must(counts.swarms == naive_.named_swarms() + (naive_.members(std::nullopt).empty() ? 0 : 1),
       "all swarms with peers are counted");
}

RegistryStats RegistryModel::run() {
  for (int step = 0; step < kSteps; ++step) {
    now_ += milliseconds(draw_.below(draw_.one_in(50) ? 200'000 : 500));
    const std::size_t what = draw_.below(20);
    if (what < 14) {
      announce();
    } else if (what < 17) {
      leave();
    } else if (what < 19) {
      expire();
    } else if (draw_.one_in(4)) {
      limits_ = draw_limits();
      real_.set_limits(limits_);
      naive_.set_limits(limits_);
    }
    check_counts();
  }
  return stats_;
}

}  // namespace

RegistryStats& RegistryStats::operator+=(const RegistryStats& other) {
  joined += other.joined;
  renewed += other.renewed;
  refused += other.refused;
  left += other.left;
  expired += other.expired;
  named += other.named;
  return *this;
}

std::string to_text(const RegistryStats& stats) {
  return format_fields({{"joined", stats.joined},
                        {"renewed", stats.renewed},
                        {"refused", stats.refused},
                        {"left", stats.left},
                        {"expired", stats.expired},
                        {"named", stats.named}});
}

RegistryStats run_registry(std::uint64_t seed) {
  return RegistryModel(seed).run();
}

}  // namespace piecework::model
