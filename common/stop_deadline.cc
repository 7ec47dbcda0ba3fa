#include "common/stop_deadline.h"

#include <unistd.h>

#include <string>

#include "common/exit_codes.h"
#include "common/log.h"
#include "common/threads.h"

namespace piecework {

StopDeadline::StopDeadline(milliseconds limit, std::string_view event) {
  thread_ = start_thread("stop-deadline", [this, limit, name = std::string(event)] {
    const Deadline deadline = Clock::now() + limit;
    {
      MutexLock lock(mutex_);
      while (!in_time_) {
        if (!changed_.wait_until(mutex_, deadline)) break;
      }
      if (in_time_) return;
    }
    log_warn(name, {{"reason", "the stop took too long"}});
    log_flush_repeated(true);
    ::_exit(kExitOk);
  });
}

StopDeadline::~StopDeadline() {
  {
    MutexLock lock(mutex_);
    in_time_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

}  // namespace piecework
