// When each of many torrents that start at one instant announces itself first: thousands of
// connections in the same moment are more than a tracker takes from one address, and those that it
// refuses come again. Safe from any thread.
#pragma once

#include "common/clock.h"
#include "common/mutex.h"

namespace piecework::peer {

class AnnouncePace {
 public:
  // The turn of one more: now, for the first few hundred; a moment after the one before, for those
  // that come at once beyond that.
  TimePoint next(TimePoint now) EXCLUDES(mutex_);

  static constexpr int kAtOnce = 256;
  static constexpr std::chrono::microseconds kBetween{400};

 private:
  Mutex mutex_;
  TimePoint due_ GUARDED_BY(mutex_) = TimePoint::min();  // of the next one, had there been no pause
};

}  // namespace piecework::peer
