#include "peer/choke.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace piecework::peer {
namespace {

constexpr std::size_t kOneOptimisticIn = 8;
constexpr std::size_t kRotateOneIn = 4;

using Indexes = std::vector<std::size_t>;

std::size_t part_of(std::size_t slots, std::size_t one_in) {
  return (slots + one_in - 1) / one_in;
}

Indexes all(std::size_t count) {
  Indexes indexes(count);
  std::iota(indexes.begin(), indexes.end(), std::size_t{0});
  return indexes;
}

// Those who only take, behind the others. Nobody is blamed as long as nobody shares: there may be
// nothing to share, or no way to.
std::pair<Indexes, Indexes> apart(std::span<const ChokePeer> peers) {
  Indexes others;
  Indexes takers;
  bool some_share = false;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const Sharing::Balance& balance = peers[i].balance;
    if (balance.passed_on > 0 && !balance.only_takes()) some_share = true;
    (balance.only_takes() ? takers : others).push_back(i);
  }
  if (!some_share) return {all(peers.size()), {}};
  return {std::move(others), std::move(takers)};
}

// The best senders, at most `most`.
Indexes reciprocators(std::span<const ChokePeer> peers, std::size_t most) {
  Indexes best;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (peers[i].received > 0) best.push_back(i);
  }
  std::stable_sort(best.begin(), best.end(), [&](std::size_t a, std::size_t b) {
    return peers[a].received > peers[b].received;
  });
  if (best.size() > most) best.resize(most);
  return best;
}

// Shares out the slots that go round.
class Turns {
 public:
  // Among those of `candidates` who are not `chosen` already, for a slot of another kind.
  Turns(std::span<const ChokePeer> peers, const Indexes& candidates, std::vector<bool>& chosen)
      : peers_(peers), chosen_(chosen) {
    for (const std::size_t i : candidates) {
      if (!chosen[i]) (peers[i].unchoked ? holding_ : waiting_).push_back(i);
    }
    const auto earlier = [&](std::size_t a, std::size_t b) {
      return peers[a].since < peers[b].since;
    };
    std::stable_sort(holding_.begin(), holding_.end(), earlier);
    std::stable_sort(waiting_.begin(), waiting_.end(), earlier);
  }

  // Of those who hold one, the last to get it stay; who is in excess goes, and of the others at
  // most `rotated` that have had it since before `mature`, if somebody waits.
  void share(std::size_t slots, std::size_t rotated, TimePoint mature) {
    std::size_t go = holding_.size() > slots ? holding_.size() - slots : 0;
    const std::size_t free = slots - (holding_.size() - go);
    const std::size_t in_vain = waiting_.size() > free ? waiting_.size() - free : 0;
    for (std::size_t i = 0; i < std::min(rotated, in_vain) && go < holding_.size(); ++i) {
      if (peers_[holding_[go]].since > mature) break;
      ++go;
    }
    for (std::size_t i = go; i < holding_.size(); ++i) chosen_[holding_[i]] = true;
    const std::size_t taken = std::min(slots - (holding_.size() - go), waiting_.size());
    for (std::size_t i = 0; i < taken; ++i) chosen_[waiting_[i]] = true;
  }

 private:
  const std::span<const ChokePeer> peers_;
  std::vector<bool>& chosen_;
  Indexes holding_;  // longest first
  Indexes waiting_;  // longest first
};

std::vector<bool> choose_among_readers(std::span<const ChokePeer> peers, std::size_t slots,
                                       ChokeRound round, bool seeding, TimePoint now) {
  std::vector<bool> chosen(peers.size());
  const TimePoint mature = now - (seeding ? kRotateEvery : kOptimisticTime);
  const bool rotate = round == ChokeRound::kRotate;
  auto [others, takers] = seeding ? apart(peers) : std::pair(all(peers.size()), Indexes{});
  if (!takers.empty() && slots > 1) {
    Turns(peers, takers, chosen).share(1, rotate ? 1 : 0, mature);
    --slots;
  }
  if (others.size() <= slots) {
    for (const std::size_t i : others) chosen[i] = true;
    return chosen;
  }
  if (!seeding && rotate) {
    const Indexes regular = reciprocators(peers, slots - part_of(slots, kOneOptimisticIn));
    for (const std::size_t i : regular) chosen[i] = true;
    slots -= regular.size();
  }
  Turns(peers, others, chosen).share(slots, rotate ? part_of(slots, kRotateOneIn) : 0, mature);
  return chosen;
}

}  // namespace

std::vector<bool> choose_unchoked(std::span<const ChokePeer> peers, std::size_t slots,
                                  ChokeRound round, bool seeding, TimePoint now) {
  std::vector<ChokePeer> readers;
  const auto reads = [&](const ChokePeer& peer) { return peer.stalled_since > now - kDeafAfter; };
  std::copy_if(peers.begin(), peers.end(), std::back_inserter(readers), reads);
  const std::vector<bool> among_readers = choose_among_readers(readers, slots, round, seeding, now);
  std::vector<bool> chosen(peers.size());
  auto next = among_readers.begin();
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (reads(peers[i])) chosen[i] = *next++;
  }
  return chosen;
}

}  // namespace piecework::peer
