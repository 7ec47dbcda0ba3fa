#include "peer/back_off.h"

#include <algorithm>
#include <cstdint>

namespace piecework::peer {
namespace {

constexpr seconds kFirstRetry{1};
constexpr seconds kLongestRetry{60};
constexpr int kMostDoublings = 6;

}  // namespace

milliseconds jittered(milliseconds wait, Random& random) {
  return wait - milliseconds(random() % static_cast<std::uint64_t>(wait.count() / 4 + 1));
}

milliseconds back_off(int earlier_failures, Random& random) {
  const auto doubled =
      kFirstRetry * (std::int64_t{1} << std::min(earlier_failures, kMostDoublings));
  return jittered(std::min(doubled, kLongestRetry), random);
}

}  // namespace piecework::peer
