#include "peer/check_slots.h"

namespace piecework::peer {

std::optional<CheckSlots::Slot> CheckSlots::acquire(const std::atomic<bool>& cancelled) {
  MutexLock lock(mutex_);
  while (free_ == 0 && !cancelled) changed_.wait(mutex_);
  if (cancelled) return std::nullopt;
  --free_;
  return Slot(*this);
}

void CheckSlots::wake() {
  MutexLock lock(mutex_);
  changed_.notify_all();
}

void CheckSlots::give_back() {
  MutexLock lock(mutex_);
  ++free_;
  changed_.notify_one();
}

}  // namespace piecework::peer
