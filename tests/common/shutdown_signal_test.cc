#include "common/shutdown_signal.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <functional>
#include <thread>

namespace piecework {
namespace {

using Event = ShutdownSignals::Event;

// Runs `body` in a thread of its own: the signals it blocks stay open in the other tests' thread.
void in_own_thread(const std::function<void()>& body) {
  std::thread(body).join();
}

void signal_self(int number) {
  ::pthread_kill(::pthread_self(), number);
}

Deadline soon() {
  return Clock::now() + seconds(10);
}

TEST_SUITE("shutdown_signal") {
  TEST_CASE("each signal has its meaning, also when it came before the wait") {
    in_own_thread([] {
      ShutdownSignals signals;
      const struct {
        int number;
        Event event;
      } kCases[] = {{SIGTERM, Event::kStop},
                    {SIGINT, Event::kStop},
                    {SIGHUP, Event::kReload},
                    {SIGUSR1, Event::kReopenLog}};
      for (const auto& c : kCases) {
        signal_self(c.number);
        CHECK(signals.wait(soon()) == c.event);
      }
    });
  }

  TEST_CASE("a deadline that passes is a timeout, one already passed too") {
    in_own_thread([] {
      ShutdownSignals signals;
      const Deadline deadline = Clock::now() + milliseconds(20);
      CHECK(signals.wait(deadline) == Event::kTimeout);
      CHECK(Clock::now() >= deadline);
      CHECK(signals.wait(Clock::now() - seconds(1)) == Event::kTimeout);
    });
  }

  TEST_CASE("a wait without deadline ends with the signal") {
    in_own_thread([] {
      ShutdownSignals signals;
      const pthread_t waiting = ::pthread_self();
      std::thread sender([waiting] { ::pthread_kill(waiting, SIGTERM); });
      CHECK(signals.wait(kNoDeadline) == Event::kStop);
      sender.join();
    });
  }

  TEST_CASE("threads started later have the signals blocked") {
    in_own_thread([] {
      ShutdownSignals signals;
      std::thread([] {
        sigset_t blocked;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
          CHECK(::sigismember(&blocked, number) == 1);
        }
      }).join();
    });
  }

  TEST_CASE("a broken pipe is an error of the call and kills nobody") {
    in_own_thread([] {
      ShutdownSignals signals;
      signal_self(SIGPIPE);
      CHECK(signals.wait(Clock::now()) == Event::kTimeout);
    });
  }
}

}  // namespace
}  // namespace piecework
