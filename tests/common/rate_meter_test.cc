#include "common/rate_meter.h"

#include <doctest/doctest.h>

namespace piecework {
namespace {

const TimePoint kStart{std::chrono::hours(1)};

TEST_SUITE("rate_meter") {
  TEST_CASE("one sample is no rate yet, nor are two of one instant") {
    RateMeter meter;
    CHECK(meter.per_second() == 0);
    meter.sample(1000, kStart);
    CHECK(meter.per_second() == 0);
    meter.sample(2000, kStart);
    CHECK(meter.per_second() == 0);
  }

  TEST_CASE("a steady stream has its rate, wherever the counter began") {
    RateMeter meter;
    for (int i = 0; i <= 20; ++i) {
      meter.sample(std::uint64_t{5'000'000'000} + static_cast<std::uint64_t>(i) * 100,
                   kStart + seconds(i));
      if (i > 0) CHECK(meter.per_second() == doctest::Approx(100));
    }
  }

  TEST_CASE("only the last five seconds count") {
    RateMeter meter;
    meter.sample(0, kStart);
    meter.sample(1'000'000, kStart + seconds(1));
    CHECK(meter.per_second() == doctest::Approx(1'000'000));
    for (int i = 2; i <= 5; ++i) meter.sample(1'000'000, kStart + seconds(i));
    CHECK(meter.per_second() == doctest::Approx(200'000));
    meter.sample(1'000'000, kStart + seconds(6));
    CHECK(meter.per_second() == 0);
  }

  TEST_CASE("a pause in sampling is averaged over") {
    RateMeter meter;
    meter.sample(0, kStart);
    meter.sample(6000, kStart + seconds(60));
    CHECK(meter.per_second() == doctest::Approx(100));
  }

  TEST_CASE("samples many a second count the same") {
    RateMeter meter;
    for (int i = 0; i <= 1000; ++i) {
      meter.sample(static_cast<std::uint64_t>(i), kStart + milliseconds(10 * i));
    }
    CHECK(meter.per_second() == doctest::Approx(100));
  }
}

}  // namespace
}  // namespace piecework
