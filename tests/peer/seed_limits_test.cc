#include "peer/seed_limits.h"

#include <doctest/doctest.h>

#include <atomic>

namespace piecework::peer {
namespace {

TEST_SUITE("seed_limits") {
  TEST_CASE("without limits nothing is ever enough") {
    const SeedLimits none;
    const SeedRecord much{.uploaded = UINT64_MAX / 2, .seeded = std::chrono::hours(1'000'000)};
    CHECK_FALSE(none.reached(much, 1));
    CHECK_FALSE(none.bytes_left(much, 1));
    CHECK(none.time_over(much, Clock::now()) == kNoDeadline);
  }

  TEST_CASE("the ratio is of the file's length") {
    const SeedLimits limits{.ratio_thousandths = 1500};
    CHECK(limits.bytes_left({}, 1000) == 1500);
    CHECK(limits.bytes_left({.uploaded = 1499}, 1000) == 1);
    CHECK_FALSE(limits.reached({.uploaded = 1499}, 1000));
    CHECK(limits.reached({.uploaded = 1500}, 1000) == "ratio");
    CHECK(limits.reached({.uploaded = 1501}, 1000) == "ratio");
    CHECK(limits.bytes_left({.uploaded = 1501}, 1000) == 0);
    CHECK(limits.bytes_left({}, 1) == 2);
    CHECK(limits.bytes_left({}, UINT64_MAX).value() > 0);
    CHECK_FALSE(limits.reached({.uploaded = 5}, 0));
  }

  TEST_CASE("the time is of seeding, and what is left of it has an end") {
    const SeedLimits limits{.seconds = 60};
    const TimePoint now = Clock::now();
    CHECK_FALSE(limits.reached({.seeded = milliseconds(59'999)}, 10));
    CHECK(limits.reached({.seeded = seconds(60)}, 10) == "time");
    CHECK(limits.reached({.seeded = seconds(60)}, 0) == "time");
    CHECK(limits.time_over({.seeded = seconds(50)}, now) == now + seconds(10));
    CHECK(limits.time_over({.seeded = seconds(70)}, now) == now);
  }

  TEST_CASE("whichever comes first") {
    const SeedLimits limits{.ratio_thousandths = 1000, .seconds = 60};
    CHECK_FALSE(limits.reached({.uploaded = 9, .seeded = seconds(59)}, 10));
    CHECK(limits.reached({.uploaded = 10, .seeded = seconds(59)}, 10) == "ratio");
    CHECK(limits.reached({.uploaded = 9, .seeded = seconds(60)}, 10) == "time");
  }

  TEST_CASE("they change under a running torrent without a lock") {
    CHECK(std::atomic<SeedLimits>::is_always_lock_free);
  }
}

}  // namespace
}  // namespace piecework::peer
