// Threads that are kept a while for the next piece of work, so that little of it pays for a thread.
// Owns every thread it starts; all are joined by join() or the destructor.
// Safe from any thread, except that join() must not be called from one of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "common/mutex.h"

namespace piecework {

class KeptThreads {
 public:
  using Work = std::function<void()>;  // must not throw

  explicit KeptThreads(std::string thread_name);
  ~KeptThreads();

  // Does `work` in a thread that is idle, or else in a new one. Throws std::system_error when there
  // is no thread to be had.
  void run(Work work) EXCLUDES(mutex_);

  // Waits until all work is done, including what is started meanwhile, and joins every thread. May
  // be called again.
  void join() EXCLUDES(mutex_);

 private:
  void run_thread(std::list<std::thread>::iterator self) EXCLUDES(mutex_);
  bool take_work(Work& work) EXCLUDES(mutex_);
  void join_finished() EXCLUDES(mutex_);

  const std::string thread_name_;

  Mutex mutex_;
  CondVar changed_;
  bool ending_ GUARDED_BY(mutex_) = false;
  std::size_t idle_ GUARDED_BY(mutex_) = 0;
  std::list<Work> waiting_ GUARDED_BY(mutex_);  // each for an idle thread that is about to wake
  std::list<std::thread> threads_ GUARDED_BY(mutex_);
  std::list<std::thread> finished_ GUARDED_BY(mutex_);  // about to return; to be joined
};

}  // namespace piecework
