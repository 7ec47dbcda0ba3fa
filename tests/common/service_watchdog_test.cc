#include "common/service_watchdog.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "tests/support/captured_log.h"
#include "tests/support/notify_socket.h"

namespace piecework {
namespace {

const TimePoint kStart{std::chrono::hours(1)};

// Two loops, a service manager that waits 8 s, and a clock turned by hand.
struct Rig {
  void tend(milliseconds at) { watchdog.tend(kStart + at); }

  CapturedLog log;
  NotifySocket manager{"@piecework-watchdog-" + std::to_string(::getpid())};
  int asked = 0;
  bool first = true;
  bool second = true;
  ServiceWatchdog watchdog{{{"accept", [this] { ++asked; }, [this] { return first; }},
                            {"watcher", [] {}, [this] { return second; }}},
                           seconds(4)};
};

TEST_SUITE("service_watchdog") {
  TEST_CASE("while every loop answers, it is fed within half of the time that the manager waits") {
    Rig rig;
    REQUIRE(rig.watchdog.period() == seconds(1));
    milliseconds last(0);
    for (milliseconds at(0); at < seconds(60); at += seconds(1)) {
      rig.tend(at);
      if (rig.manager.received() != "WATCHDOG=1") continue;
      CHECK(at - last <= seconds(4));
      last = at;
    }
    CHECK(last >= seconds(56));
  }

  TEST_CASE("a loop is asked now and then, not at every call") {
    Rig rig;
    for (milliseconds at(0); at < seconds(60); at += milliseconds(100)) rig.tend(at);
    CHECK(rig.asked <= 31);
  }

  TEST_CASE("one silent loop is enough to withhold it, is named once, and asked no more") {
    Rig rig;
    rig.tend(seconds(0));
    rig.second = false;
    for (int at = 1; at < 10; ++at) rig.tend(seconds(at));
    CHECK(rig.manager.received() == "nothing");
    CHECK(rig.asked == 1);
    CHECK(rig.log.count("error watchdog.silent loop=watcher seconds=4.000") == 1);
    CHECK(rig.log.count("watchdog.silent") == 1);

    rig.second = true;
    rig.tend(seconds(10));
    CHECK(rig.manager.received() == "WATCHDOG=1");
    CHECK(rig.asked == 2);
  }

  TEST_CASE("when nobody asked for it, no loop is asked either") {
    CapturedLog log;
    const NotifySocket manager("@piecework-watchdog-" + std::to_string(::getpid()));
    int asked = 0;
    ServiceWatchdog watchdog({{"accept", [&] { ++asked; }, [] { return false; }}}, std::nullopt);
    CHECK_FALSE(watchdog.period());
    for (int at = 0; at < 10; ++at) watchdog.tend(kStart + seconds(at));
    CHECK(asked == 0);
    CHECK(manager.received() == "nothing");
  }
}

}  // namespace
}  // namespace piecework
