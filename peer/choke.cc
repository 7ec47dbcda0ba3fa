#include "peer/choke.h"

#include <algorithm>
#include <utility>

namespace piecework::peer {
namespace {

constexpr std::size_t kOneOptimisticIn = 8;
constexpr std::size_t kRotateOneIn = 4;

using Indexes = std::vector<std::size_t>;

std::size_t part_of(std::size_t slots, std::size_t one_in) {
  return (slots + one_in - 1) / one_in;
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
  // `chosen` already have a slot of the other kind.
  Turns(std::span<const ChokePeer> peers, std::vector<bool>& chosen)
      : peers_(peers), chosen_(chosen) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
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

}  // namespace

std::vector<bool> choose_unchoked(std::span<const ChokePeer> peers, std::size_t slots,
                                  ChokeRound round, bool seeding, TimePoint now) {
  std::vector<bool> chosen(peers.size(), peers.size() <= slots);
  if (peers.size() <= slots) return chosen;
  std::size_t shared = slots;
  if (!seeding && round == ChokeRound::kRotate) {
    const Indexes regular = reciprocators(peers, slots - part_of(slots, kOneOptimisticIn));
    for (const std::size_t i : regular) chosen[i] = true;
    shared -= regular.size();
  }
  const std::size_t rotated = round == ChokeRound::kRotate ? part_of(shared, kRotateOneIn) : 0;
  Turns(peers, chosen).share(shared, rotated, now - (seeding ? kRotateEvery : kOptimisticTime));
  return chosen;
}

}  // namespace piecework::peer
