#include "common/connection_threads.h"

#include <algorithm>
#include <system_error>

#include "common/threads.h"

namespace piecework {
namespace {

constexpr seconds kIdleWorkerLife{5};

}  // namespace

ConnectionThreads::ConnectionThreads(std::string thread_name, Limits limits)
    : thread_name_(std::move(thread_name)), limits_(limits) {}

ConnectionThreads::~ConnectionThreads() {
  stop();
}

ConnectionThreads::Started ConnectionThreads::start(Stream&& stream, const Endpoint& remote,
                                                    Origin origin, Handler handler) {
  join_finished();
  MutexLock lock(mutex_);
  if (stopping_) return Started::kStopping;
  // Those evicted still have a thread until they notice; a flood must not pile them up either.
  const bool may_evict = live_.size() < limits_.total + limits_.total / 4 + 16;
  if (const auto at = per_address_.find(remote.address);
      at != per_address_.end() && at->second >= limits_.per_address &&
      !(may_evict && evict_one_locked(&remote.address))) {
    return Started::kAddressFull;
  }
  if (counted_ >= limits_.total && !(may_evict && evict_one_locked(nullptr))) {
    return Started::kFull;
  }
  if (idle_workers_ > jobs_.size()) {
    job_ready_.notify_one();
  } else {
    const auto slot = workers_.emplace(workers_.end());
    try {
      *slot = start_thread(thread_name_, [this, slot] { run_worker(slot); });
    } catch (const std::system_error&) {
      workers_.erase(slot);
      return Started::kNoThread;
    }
  }
  auto connection =
      std::make_shared<Connection>(std::move(stream), remote, origin == Origin::kAccepted);
  jobs_.push_back({connection, std::move(handler)});
  live_.push_back(std::move(connection));
  ++per_address_[remote.address];
  ++counted_;
  return Started::kYes;
}

void ConnectionThreads::first_frame_done(Connection& connection) {
  MutexLock lock(mutex_);
  connection.evictable_ = false;
}

bool ConnectionThreads::evict_one() {
  MutexLock lock(mutex_);
  return evict_one_locked(nullptr);
}

std::size_t ConnectionThreads::count() const {
  MutexLock lock(mutex_);
  return counted_;
}

void ConnectionThreads::stop() {
  std::list<std::thread> workers;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const auto& connection : live_) connection->stream_.shutdown();
    job_ready_.notify_all();
  }
  // Workers that are about to end move themselves to finished_; take whichever are left until none
  // is.
  while (true) {
    {
      MutexLock lock(mutex_);
      if (workers_.empty() && finished_.empty()) return;
      workers.splice(workers.end(), finished_);
      if (workers.empty()) {
        job_ready_.wait(mutex_);
        continue;
      }
    }
    for (std::thread& worker : workers) worker.join();
    workers.clear();
  }
}

void ConnectionThreads::run_worker(std::list<std::thread>::iterator self) {
  Job job;
  while (take_job(job)) {
    job.handler(*job.connection);
    job.handler = nullptr;
    MutexLock lock(mutex_);
    forget_locked(job.connection);
    job.connection.reset();
  }
  MutexLock lock(mutex_);
  finished_.splice(finished_.end(), workers_, self);
  job_ready_.notify_all();
}

bool ConnectionThreads::take_job(Job& job) {
  MutexLock lock(mutex_);
  const Deadline deadline = Clock::now() + kIdleWorkerLife;
  ++idle_workers_;
  while (jobs_.empty() && !stopping_) {
    if (!job_ready_.wait_until(mutex_, deadline)) break;
  }
  --idle_workers_;
  if (jobs_.empty()) return false;
  job = std::move(jobs_.front());
  jobs_.pop_front();
  return true;
}

bool ConnectionThreads::evict_one_locked(const IpAddress* address) {
  const auto candidate = [&](const auto& c) {
    return c->evictable_ && !c->evicted_ && (!address || c->remote_.address == *address);
  };
  // live_ is in the order of arrival, so the first is the one that has waited longest.
  const auto oldest = std::find_if(live_.begin(), live_.end(), candidate);
  if (oldest == live_.end()) return false;
  (*oldest)->evicted_ = true;
  (*oldest)->stream_.shutdown();
  uncount_locked(**oldest);
  return true;
}

void ConnectionThreads::uncount_locked(const Connection& connection) {
  --counted_;
  const auto at = per_address_.find(connection.remote_.address);
  if (--at->second == 0) per_address_.erase(at);
}

void ConnectionThreads::forget_locked(const std::shared_ptr<Connection>& connection) {
  live_.erase(std::find(live_.begin(), live_.end(), connection));
  if (!connection->evicted_) uncount_locked(*connection);
}

void ConnectionThreads::join_finished() {
  std::list<std::thread> finished;
  {
    MutexLock lock(mutex_);
    finished.swap(finished_);
  }
  for (std::thread& thread : finished) thread.join();
}

}  // namespace piecework
