// Whether a loop still goes round: one thread asks, the loop answers when it comes by, as often as
// it likes. Asking wakes nobody; whoever asks sees to it that the loop has a reason to come by.
// Safe from any thread.
#pragma once

#include <atomic>

namespace piecework {

class Heartbeat {
 public:
  void ask() noexcept { answered_ = false; }
  bool answered() const noexcept { return answered_; }  // since the last ask(); true before any

  // Writes only when it was asked, so that many threads may call it often.
  void beat() noexcept {
    if (!answered_.load(std::memory_order_relaxed)) answered_ = true;
  }

 private:
  std::atomic<bool> answered_{true};
};

}  // namespace piecework
