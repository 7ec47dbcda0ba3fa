// Deadlines for tests: one that only a hanging test meets, and a wait for what gives no event of
// its own.
// Safe from any thread.
#pragma once

#include <functional>

#include "common/clock.h"

namespace piecework {

inline Deadline soon() {
  return Clock::now() + seconds(20);
}

// True as soon as `condition` is; false when it was not by soon(). For what other threads do
// without telling anyone; where there is an event, wait for that.
bool eventually(const std::function<bool()>& condition);

}  // namespace piecework
