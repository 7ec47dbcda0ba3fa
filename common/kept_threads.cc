#include "common/kept_threads.h"

#include <system_error>
#include <utility>

#include "common/threads.h"

namespace piecework {
namespace {

constexpr seconds kIdleLife{5};

}  // namespace

KeptThreads::KeptThreads(std::string thread_name) : thread_name_(std::move(thread_name)) {}

KeptThreads::~KeptThreads() {
  join();
}

void KeptThreads::run(Work work) {
  join_finished();
  MutexLock lock(mutex_);
  waiting_.push_back(std::move(work));
  if (idle_ >= waiting_.size()) {
    changed_.notify_one();
    return;
  }
  const auto place = threads_.emplace(threads_.end());
  try {
    *place = start_thread(thread_name_, [this, place] { run_thread(place); });
  } catch (const std::system_error&) {
    threads_.erase(place);
    waiting_.pop_back();
    throw;
  }
}

void KeptThreads::join() {
  while (true) {
    {
      MutexLock lock(mutex_);
      ending_ = true;
      changed_.notify_all();
      while (finished_.empty() && !threads_.empty()) changed_.wait(mutex_);
      if (finished_.empty()) return;
    }
    join_finished();
  }
}

void KeptThreads::run_thread(std::list<std::thread>::iterator self) {
  Work work;
  while (take_work(work)) {
    work();
    work = nullptr;
  }
  // Until it is joined, a thread that has ended keeps its stack, and it may be long before the next
  // run().
  join_finished();
  MutexLock lock(mutex_);
  finished_.splice(finished_.end(), threads_, self);
  changed_.notify_all();
}

bool KeptThreads::take_work(Work& work) {
  MutexLock lock(mutex_);
  const Deadline deadline = Clock::now() + kIdleLife;
  ++idle_;
  while (waiting_.empty() && !ending_) {
    if (!changed_.wait_until(mutex_, deadline)) break;
  }
  --idle_;
  if (waiting_.empty()) return false;
  work = std::move(waiting_.front());
  waiting_.pop_front();
  return true;
}

void KeptThreads::join_finished() {
  std::list<std::thread> finished;
  {
    MutexLock lock(mutex_);
    finished.swap(finished_);
  }
  for (std::thread& thread : finished) thread.join();
}

}  // namespace piecework
