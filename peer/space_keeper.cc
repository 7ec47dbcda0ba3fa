#include "peer/space_keeper.h"

#include <system_error>
#include <utility>

#include "common/clock.h"
#include "common/log.h"
#include "common/threads.h"

namespace piecework::peer {
namespace {

// Some file systems take a while until the space of a removed file is free.
constexpr seconds kLookEvery{5};

}  // namespace

SpaceKeeper::SpaceKeeper(SpaceMarks marks, Environment environment)
    : environment_(std::move(environment)), marks_(marks) {}

SpaceKeeper::~SpaceKeeper() {
  stop();
}

void SpaceKeeper::start() {
  thread_ = start_thread("space", [this] { run(); });
}

void SpaceKeeper::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void SpaceKeeper::set(SpaceMarks marks) {
  MutexLock lock(mutex_);
  marks_ = marks;
  look_now_ = true;
  changed_.notify_one();
}

void SpaceKeeper::look_soon() {
  MutexLock lock(mutex_);
  look_now_ = true;
  changed_.notify_one();
}

void SpaceKeeper::run() {
  while (true) {
    SpaceMarks marks;
    {
      MutexLock lock(mutex_);
      const Deadline next = marks_.low == 0 ? kNoDeadline : Clock::now() + kLookEvery;
      while (!stopping_ && !look_now_) {
        if (!changed_.wait_until(mutex_, next)) break;
      }
      if (stopping_) return;
      look_now_ = false;
      marks = marks_;
    }
    if (marks.low != 0) look(marks);
  }
}

void SpaceKeeper::look(const SpaceMarks& marks) {
  try {
    const std::uint64_t free_bytes = environment_.free_bytes();
    const SpacePlan plan = plan_space(marks, free_bytes, environment_.downloads());
    for (const InfoHash& info_hash : plan.remove) environment_.remove(info_hash);
    if (!plan.enough && !said_that_low_) {
      log_warn("space.low", {{"free", free_bytes},
                             {"low", marks.low},
                             {"reason", "nothing is left that may be removed"}});
    }
    said_that_low_ = !plan.enough;
  } catch (const std::system_error& error) {
    log_warn("space.unknown", {{"reason", error.what()}});
  }
}

}  // namespace piecework::peer
