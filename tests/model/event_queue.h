// A clock that stands still until somebody says what happens next, and what will happen when.
// One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "common/clock.h"

namespace piecework::model {

class EventQueue {
 public:
  TimePoint now() const { return now_; }

  // Things at one instant happen in the order in which they were said.
  void at(TimePoint when, std::function<void()> what) {
    events_.emplace(std::pair(std::max(when, now_), ++said_), std::move(what));
  }

  // False when nothing will ever happen again.
  bool run_next() {
    if (events_.empty()) return false;
    const auto next = events_.begin();
    now_ = next->first.first;
    const std::function<void()> what = std::move(next->second);
    events_.erase(next);
    what();
    return true;
  }

 private:
  TimePoint now_{std::chrono::hours(1)};
  std::uint64_t said_ = 0;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
};

}  // namespace piecework::model
