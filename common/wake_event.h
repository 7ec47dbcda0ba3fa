// An eventfd(2) that wakes a thread standing in poll(2): the thread polls fd() beside its other
// descriptors, another one calls signal().
// Once signalled it stays so until it is cleared. Safe from any thread.
#pragma once

#include "common/unique_fd.h"

namespace piecework {

class WakeEvent {
 public:
  WakeEvent();  // throws std::system_error

  int fd() const { return event_.get(); }
  void signal() noexcept;
  bool clear() noexcept;  // true: it was signalled

 private:
  UniqueFd event_;
};

}  // namespace piecework
