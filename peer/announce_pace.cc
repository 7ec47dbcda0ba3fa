#include "peer/announce_pace.h"

#include <algorithm>

namespace piecework::peer {

TimePoint AnnouncePace::next(TimePoint now) {
  MutexLock lock(mutex_);
  const TimePoint turn = std::max(due_, now - kAtOnce * kBetween);
  due_ = turn + kBetween;
  return std::max(turn, now);
}

}  // namespace piecework::peer
