// Looks from time to time how much of a file system is free, and has old downloads removed when it
// is too little. Knows neither files nor torrents.
// Owns one thread, from start() to stop(), which belong to the owner's thread; set() is safe from
// any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/mutex.h"
#include "peer/space_plan.h"

namespace piecework::peer {

class SpaceKeeper {
 public:
  // What it works on, called from its thread with no lock held.
  struct Environment {
    std::function<std::uint64_t()> free_bytes;  // may throw std::system_error
    std::function<std::vector<RemovableDownload>()> downloads;
    std::function<void(const InfoHash&)> remove;  // does not wait for it
  };

  SpaceKeeper(SpaceMarks marks, Environment environment);
  ~SpaceKeeper();

  void start();
  void stop() EXCLUDES(mutex_);

  // Holds at once.
  void set(SpaceMarks marks) EXCLUDES(mutex_);

  // Something has changed that matters.
  void look_soon() EXCLUDES(mutex_);

  // Looks once, as its thread does.
  void look(const SpaceMarks& marks);

 private:
  void run() EXCLUDES(mutex_);

  const Environment environment_;
  std::thread thread_;
  bool said_that_low_ = false;  // its thread only

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool look_now_ GUARDED_BY(mutex_) = false;
  SpaceMarks marks_ GUARDED_BY(mutex_);
};

}  // namespace piecework::peer
