// How much comes in a second, over the last few seconds, from a counter that only grows: bytes,
// requests. Pure: time is passed in. One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "common/clock.h"

namespace piecework {

class RateMeter {
 public:
  void sample(std::uint64_t total, TimePoint now);
  double per_second() const;

 private:
  std::deque<std::pair<TimePoint, std::uint64_t>> samples_;  // oldest first
};

}  // namespace piecework
