#include "peer/rate_limit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

namespace piecework::peer {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};
constexpr std::uint64_t kMiB = 1 << 20;

// What `connections` move in `time`, each asking for its next step when it has moved the last.
std::vector<std::uint64_t> moved(Pace& pace, std::size_t connections, Clock::duration time) {
  std::vector<std::uint64_t> bytes(connections);
  std::vector<TimePoint> ready(connections, kStart);
  while (true) {
    const auto next = std::min_element(ready.begin(), ready.end());
    if (*next >= kStart + time) return bytes;
    const TimePoint at = std::max(*next, pace.reserve(pace.step_bytes(), *next));
    if (at < kStart + time)
      bytes[static_cast<std::size_t>(next - ready.begin())] += pace.step_bytes();
    *next = at + std::chrono::microseconds(1);
  }
}

TEST_SUITE("rate_limit") {
  TEST_CASE("a pace is exact within 5 % over ten seconds, and shared equally") {
    for (const std::uint64_t rate :
         {16 * kMiB / 1024, kMiB / 16, 8 * kMiB, 100 * kMiB, 1024 * kMiB}) {
      for (const std::size_t connections : {1U, 4U, 20U}) {
        CAPTURE(rate);
        CAPTURE(connections);
        Pace pace(rate);
        const auto bytes = moved(pace, connections, seconds(10));
        std::uint64_t sum = 0;
        for (const std::uint64_t each : bytes) sum += each;
        CHECK(sum >= 10 * rate * 95 / 100);
        CHECK(sum <= 10 * rate * 105 / 100);
        const auto [least, most] = std::minmax_element(bytes.begin(), bytes.end());
        CHECK(*most - *least <= pace.step_bytes());
      }
    }
  }

  TEST_CASE("what was not used is lost, but for a short burst") {
    Pace pace(1000);
    CHECK(pace.reserve(200, kStart) == kStart - Pace::kBurst);
    CHECK(pace.reserve(1, kStart) == kStart);
    CHECK(pace.reserve(1000, kStart) == kStart + milliseconds(1));
    CHECK(pace.reserve(1, kStart) == kStart + milliseconds(1001));
    CHECK(pace.reserve(1, kStart + std::chrono::hours(1)) ==
          kStart + std::chrono::hours(1) - Pace::kBurst);
  }

  TEST_CASE("a step is short in time, and neither tiny nor huge") {
    CHECK(Pace(0).step_bytes() == kMiB);
    CHECK(Pace(1).step_bytes() == 1024);
    CHECK(Pace(8 * kMiB).step_bytes() == 8 * kMiB / 20);
    CHECK(Pace(UINT64_MAX).step_bytes() == kMiB);
  }

  TEST_CASE("no limit means no waiting, in steps of a bounded size") {
    Pace pace(0);
    CHECK(pace.reserve(UINT64_MAX, kStart) == kStart);
    CHECK(pace.reserve(1, kStart) == kStart);
    RateLimiter limiter(0);
    const std::atomic<bool> cancelled = false;
    CHECK(limiter.take(10, cancelled).bytes == 10);
    CHECK(limiter.take(10 * kMiB, cancelled).bytes == kMiB);
  }

  TEST_CASE("a limiter hands out no more than its rate allows") {
    RateLimiter limiter(kMiB);
    const std::atomic<bool> cancelled = false;
    const TimePoint from = Clock::now();
    std::uint64_t bytes = 0;
    Clock::duration waited{};
    while (bytes < kMiB / 4) {
      const auto grant = limiter.take(kMiB, cancelled);
      bytes += grant.bytes;
      waited += grant.waited;
    }
    const std::chrono::duration<double> elapsed = Clock::now() - from;
    const std::chrono::duration<double> burst = Pace::kBurst;
    const double allowed = (elapsed + burst).count() * static_cast<double>(kMiB);
    CHECK(static_cast<double>(bytes) <= allowed + static_cast<double>(Pace(kMiB).step_bytes()));
    CHECK(waited > Clock::duration{});
    CHECK(waited <= Clock::now() - from);
  }

  TEST_CASE("who waits for its turn is let go when it is cancelled, and others go on waiting") {
    RateLimiter limiter(1);
    std::atomic<bool> cancelled = false;
    std::atomic<bool> other_cancelled = false;
    std::atomic<int> returned = 0;
    limiter.take(1024, cancelled);  // the burst, and 17 minutes more
    std::thread one([&] {
      limiter.take(1024, cancelled);
      ++returned;
    });
    std::thread other([&] {
      limiter.take(1024, other_cancelled);
      ++returned;
    });
    cancelled = true;
    limiter.wake();
    one.join();
    CHECK(returned == 1);
    CHECK(limiter.take(10, cancelled).bytes == 10);  // it waits no more
    other_cancelled = true;
    limiter.wake();
    other.join();
  }

  TEST_CASE("another rate holds at once, for those who wait as well") {
    RateLimiter limiter(1);
    const std::atomic<bool> cancelled = false;
    limiter.take(1024, cancelled);
    std::atomic<bool> returned = false;
    std::thread waits([&] {
      limiter.take(1024, cancelled);
      returned = true;
    });
    CHECK_FALSE(returned);
    limiter.set_rate(0);
    waits.join();
    CHECK(returned);
    CHECK(limiter.rate() == 0);
  }

  TEST_CASE("a rate that is changed over and over gives nothing away") {
    RateLimiter limiter(4 * kMiB);
    const std::atomic<bool> never = false;
    const TimePoint from = Clock::now();
    std::uint64_t taken = 0;
    for (std::uint64_t i = 0; i < 10; ++i) {
      taken += limiter.take(kMiB, never).bytes;
      limiter.set_rate(4 * kMiB + i + 1);
    }
    // Ten steps: the first four may have been saved up (kBurst), the others have to be waited for.
    CHECK(taken >= 2 * kMiB - kMiB / 4);
    CHECK(Clock::now() - from >= milliseconds(250));
  }

  TEST_CASE("many threads take, are cancelled and see the rate change, and all return") {
    RateLimiter limiter(kMiB);
    std::deque<std::atomic<bool>> cancelled(8);
    std::atomic<std::uint64_t> bytes = 0;
    std::vector<std::thread> threads;
    for (std::atomic<bool>& mine : cancelled) {
      threads.emplace_back([&limiter, &bytes, &mine] {
        for (int i = 0; i < 200; ++i) bytes += limiter.take(4096, mine).bytes;
      });
    }
    for (std::uint64_t rate = kMiB; rate < 64 * kMiB; rate *= 2) limiter.set_rate(rate);
    limiter.set_rate(1);
    for (std::atomic<bool>& each : cancelled) {
      each = true;
      limiter.wake();
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(bytes > 8 * 200);
  }
}

}  // namespace
}  // namespace piecework::peer
