#include "tests/support/eventually.h"

#include <thread>

namespace piecework {

bool eventually(const std::function<bool()>& condition) {
  for (const Deadline deadline = soon(); Clock::now() < deadline;) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return condition();
}

}  // namespace piecework
