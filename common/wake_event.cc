#include "common/wake_event.h"

#include <sys/eventfd.h>

#include <cstdint>

#include "common/socket.h"

namespace piecework {

WakeEvent::WakeEvent() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.valid()) throw_errno("eventfd");
}

void WakeEvent::signal() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the poller is awake anyway.
  [[maybe_unused]] const ssize_t n = ::write(event_.get(), &one, sizeof one);
}

bool WakeEvent::clear() noexcept {
  std::uint64_t count = 0;
  return ::read(event_.get(), &count, sizeof count) == sizeof count;
}

}  // namespace piecework
