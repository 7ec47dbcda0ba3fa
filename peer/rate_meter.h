// Bytes per second over the last few seconds, from a counter that only grows. Pure: time is passed
// in. One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "common/clock.h"

namespace piecework::peer {

class RateMeter {
 public:
  void sample(std::uint64_t total_bytes, TimePoint now);
  double bytes_per_second() const;

 private:
  std::deque<std::pair<TimePoint, std::uint64_t>> samples_;  // oldest first
};

}  // namespace piecework::peer
