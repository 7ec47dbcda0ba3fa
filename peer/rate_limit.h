// Bytes per second that a program's connections may move in one direction, all together. Pace is
// the arithmetic, pure and for one thread at a time; RateLimiter makes connections wait and is safe
// from any thread. For two limits at once see torrent_bandwidth.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/clock.h"
#include "common/mutex.h"

namespace piecework::peer {

// A token bucket (GCRA): bytes are given their instant in the order in which they are asked for.
class Pace {
 public:
  // What was not used earlier may be used up later, for so long and no longer: enough to make up
  // for a thread that is woken late.
  static constexpr milliseconds kBurst{200};

  // 0: no limit. What was not used before `from` is not made up for.
  explicit Pace(std::uint64_t bytes_per_second, TimePoint from = TimePoint::min())
      : rate_(bytes_per_second), next_(from) {}

  std::uint64_t rate() const { return rate_; }
  // The most bytes to ask for at once: some 50 ms of the rate, at least 1 KiB and at most 1 MiB, so
  // that connections take turns quickly and small messages do not wait long behind them.
  std::uint64_t step_bytes() const;
  // How long they take.
  Clock::duration time_for(std::uint64_t bytes) const;
  // When `bytes` may move: never earlier than those that were reserved before.
  TimePoint reserve(std::uint64_t bytes, TimePoint now);

 private:
  std::uint64_t rate_;
  TimePoint next_;  // when the next byte may move
};

class RateLimiter {
 public:
  // Bytes per second; 0: no limit.
  explicit RateLimiter(std::uint64_t rate) : pace_(rate) {}

  std::uint64_t rate() const EXCLUDES(mutex_);
  // Holds from now on, for those who wait already as well.
  void set_rate(std::uint64_t rate) EXCLUDES(mutex_);

  struct Grant {
    std::uint64_t bytes;     // that may move now: at least 1, and at most what was wanted
    Clock::duration waited;  // for them
  };
  // Waits for its turn to move some of `wanted` bytes (at least 1). When `cancelled` is true or
  // becomes so, there is no more waiting.
  Grant take(std::uint64_t wanted, const std::atomic<bool>& cancelled) EXCLUDES(mutex_);
  // For who has just set `cancelled`.
  void wake() EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  Pace pace_ GUARDED_BY(mutex_);
  std::uint64_t changes_ GUARDED_BY(mutex_) = 0;  // of the rate: reservations made before are void,
  TimePoint used_until_ GUARDED_BY(mutex_) = TimePoint::min();  // but not those whose time has come
};

}  // namespace piecework::peer
