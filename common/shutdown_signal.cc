#include "common/shutdown_signal.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>

#include "common/socket.h"

namespace piecework {
namespace {

constexpr int kNothing = -1;

// sigtimedwait(2) until `deadline`: a signal's number, or kNothing.
int next_signal(const sigset_t& signals, Deadline deadline) {
  while (true) {
    int number = kNothing;
    if (deadline == kNoDeadline) {
      number = ::sigwaitinfo(&signals, nullptr);
    } else {
      using std::chrono::nanoseconds;
      const auto left = std::max(nanoseconds(deadline - Clock::now()), nanoseconds(0));
      const auto whole = std::chrono::floor<seconds>(left);
      const timespec timeout{static_cast<time_t>(whole.count()),
                             static_cast<long>((left - whole).count())};
      number = ::sigtimedwait(&signals, nullptr, &timeout);
    }
    if (number != kNothing || errno == EAGAIN) return number;
    if (errno != EINTR) throw_errno("sigtimedwait");
  }
}

}  // namespace

ShutdownSignals::ShutdownSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::sigemptyset(&signals_);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&signals_, number);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

ShutdownSignals::Event ShutdownSignals::wait(Deadline deadline) {
  switch (next_signal(signals_, deadline)) {
    case kNothing: return Event::kTimeout;
    case SIGHUP: return Event::kReload;
    case SIGUSR1: return Event::kReopenLog;
    default: return Event::kStop;
  }
}

}  // namespace piecework
