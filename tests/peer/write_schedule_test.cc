#include "peer/write_schedule.h"

#include <doctest/doctest.h>

namespace piecework::peer {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

TEST_SUITE("write_schedule") {
  TEST_CASE("a keep-alive is due when nothing has been sent for a while") {
    WriteSchedule schedule(kStart);
    CHECK(schedule.next() == kStart + kKeepAliveEvery);
    CHECK_FALSE(schedule.is_silent(kStart + kKeepAliveEvery - milliseconds(1)));
    CHECK(schedule.is_silent(kStart + kKeepAliveEvery));
    schedule.sent(kStart + seconds(15));
    CHECK_FALSE(schedule.is_silent(kStart + kKeepAliveEvery));
    CHECK(schedule.next() == kStart + seconds(15) + kKeepAliveEvery);
  }

  TEST_CASE("looking again and again does not put the keep-alive off") {
    WriteSchedule schedule(kStart);
    for (TimePoint now = kStart; now < kStart + kKeepAliveEvery; now += milliseconds(500)) {
      CHECK_FALSE(schedule.is_silent(now));
      schedule.look_again_at(now + milliseconds(500));
      CHECK(schedule.next() <= now + milliseconds(500));
      CHECK_FALSE(schedule.must_look(now));
      CHECK(schedule.must_look(now + milliseconds(500)));
    }
    CHECK(schedule.next() == kStart + kKeepAliveEvery);
    CHECK(schedule.is_silent(kStart + kKeepAliveEvery));
  }

  TEST_CASE("who need not look again is not woken for it") {
    WriteSchedule schedule(kStart);
    schedule.look_again_at(kStart + milliseconds(500));
    schedule.look_again_at(kNoDeadline);
    CHECK_FALSE(schedule.must_look(kStart + std::chrono::hours(1)));
    CHECK(schedule.next() == kStart + kKeepAliveEvery);
  }
}

}  // namespace
}  // namespace piecework::peer
