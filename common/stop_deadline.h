// The last resort of an orderly stop: something that cannot be woken (a name server that does not
// answer, a disk that hangs) must not keep a daemon from ending in time.
// Belongs to the main thread.
#pragma once

#include <string_view>
#include <thread>

#include "common/clock.h"
#include "common/mutex.h"

namespace piecework {

class StopDeadline {
 public:
  // Unless destroyed within `limit`, the process ends there: it logs `event` and exits with 0, as
  // the stop that was asked for. Whatever has not been saved by then is found out again at the next
  // start.
  StopDeadline(milliseconds limit, std::string_view event);
  ~StopDeadline();

 private:
  Mutex mutex_;
  CondVar changed_;
  bool in_time_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace piecework
