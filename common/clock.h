// Time as the daemons use it: a clock that never jumps, absolute deadlines on it, and the one
// rounding rule for poll(2).
// Immutable values; safe from any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace piecework {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Deadline = Clock::time_point;  // the instant at which a wait gives up
using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr Deadline kNoDeadline = Deadline::max();

// Milliseconds from now to `deadline` as poll(2) takes them: -1 = for ever, 0 = passed. Rounded up,
// so that a wait never ends before its deadline.
inline int poll_timeout(Deadline deadline) {
  if (deadline == kNoDeadline) return -1;
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<milliseconds::rep>(left, 0, std::numeric_limits<int>::max()));
}

// The time of day (Unix time), for those who compare it with that of other hosts.
inline seconds seconds_since_1970() {
  return std::chrono::floor<seconds>(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace piecework
