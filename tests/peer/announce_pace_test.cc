#include "peer/announce_pace.h"

#include <doctest/doctest.h>

#include <deque>
#include <set>
#include <thread>

namespace piecework::peer {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

TEST_SUITE("announce_pace") {
  TEST_CASE("the first few hundred have their turn at once, the others one after the other") {
    AnnouncePace pace;
    for (int i = 0; i <= AnnouncePace::kAtOnce; ++i) CHECK(pace.next(kStart) == kStart);
    CHECK(pace.next(kStart) == kStart + AnnouncePace::kBetween);
    CHECK(pace.next(kStart) == kStart + 2 * AnnouncePace::kBetween);
  }

  TEST_CASE("after a pause as many go at once again, and not more") {
    AnnouncePace pace;
    for (int i = 0; i < 10 * AnnouncePace::kAtOnce; ++i) pace.next(kStart);
    const TimePoint later = kStart + std::chrono::hours(1);
    for (int i = 0; i <= AnnouncePace::kAtOnce; ++i) CHECK(pace.next(later) == later);
    CHECK(pace.next(later) > later);
  }

  TEST_CASE("torrents that come slower than that wait for nothing") {
    AnnouncePace pace;
    TimePoint now = kStart;
    for (int i = 0; i < 3 * AnnouncePace::kAtOnce; ++i, now += AnnouncePace::kBetween) {
      REQUIRE(pace.next(now) == now);
    }
  }

  TEST_CASE("many threads get turns of their own") {
    AnnouncePace pace;
    for (int i = 0; i <= AnnouncePace::kAtOnce; ++i) pace.next(kStart);
    constexpr int kEach = 200;
    std::deque<std::set<TimePoint>> turns(4);
    std::deque<std::thread> threads;
    for (std::set<TimePoint>& own : turns) {
      threads.emplace_back([&pace, &own] {
        for (int i = 0; i < kEach; ++i) own.insert(pace.next(kStart));
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::set<TimePoint> all;
    for (const auto& own : turns) all.insert(own.begin(), own.end());
    CHECK(all.size() == turns.size() * kEach);
  }
}

}  // namespace
}  // namespace piecework::peer
