#include "peer/rate_limit.h"

#include <algorithm>

namespace piecework::peer {
namespace {

constexpr std::uint64_t kLeastStepBytes = 1 << 10;
constexpr std::uint64_t kMostStepBytes = 1 << 20;
constexpr std::uint64_t kStepsPerSecond = 20;

}  // namespace

std::uint64_t Pace::step_bytes() const {
  if (rate_ == 0) return kMostStepBytes;
  return std::clamp(rate_ / kStepsPerSecond, kLeastStepBytes, kMostStepBytes);
}

TimePoint Pace::reserve(std::uint64_t bytes, TimePoint now) {
  if (rate_ == 0) return now;
  const TimePoint start = std::max(next_, now - kBurst);
  next_ = start + time_for(bytes);
  return start;
}

Clock::duration Pace::time_for(std::uint64_t bytes) const {
  if (rate_ == 0) return Clock::duration::zero();
  const std::chrono::duration<double> takes(static_cast<double>(bytes) /
                                            static_cast<double>(rate_));
  return std::chrono::duration_cast<Clock::duration>(takes);
}

std::uint64_t RateLimiter::rate() const {
  MutexLock lock(mutex_);
  return pace_.rate();
}

void RateLimiter::set_rate(std::uint64_t rate) {
  MutexLock lock(mutex_);
  if (rate == pace_.rate()) return;
  pace_ = Pace(rate, std::max(Clock::now(), used_until_));
  ++changes_;
  changed_.notify_all();
}

RateLimiter::Grant RateLimiter::take(std::uint64_t wanted, const std::atomic<bool>& cancelled) {
  const TimePoint from = Clock::now();
  MutexLock lock(mutex_);
  while (true) {
    const std::uint64_t bytes = std::min(wanted, pace_.step_bytes());
    const std::uint64_t changes = changes_;
    const TimePoint start = pace_.reserve(bytes, Clock::now());
    while (!cancelled && changes == changes_ && Clock::now() < start) {
      changed_.wait_until(mutex_, start);
    }
    if (!cancelled && changes != changes_) continue;
    used_until_ = std::max(used_until_, start + pace_.time_for(bytes));
    return {bytes, Clock::now() - from};
  }
}

void RateLimiter::wake() {
  MutexLock lock(mutex_);
  changed_.notify_all();
}

}  // namespace piecework::peer
