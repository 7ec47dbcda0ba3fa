// What an operator tells a daemon by signal(7): TERM and INT stop it, HUP reloads its
// configuration, USR1 reopens its log. Constructed first thing in main, before any thread: the
// signals are blocked there and in every thread started later, and wait() takes them one by one. No
// handler ever runs. SIGPIPE is ignored from then on. wait() belongs to the thread that constructed
// the object.
#pragma once

#include <csignal>

#include "common/clock.h"

namespace piecework {

class ShutdownSignals {
 public:
  enum class Event { kStop, kReload, kReopenLog, kTimeout };

  ShutdownSignals();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

  // The next signal, also one that came before the call; kTimeout when none came until `deadline`
  // (kNoDeadline: waits for ever).
  Event wait(Deadline deadline);

 private:
  sigset_t signals_;
};

}  // namespace piecework
