#include "common/kept_threads.h"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <set>
#include <thread>

#include "tests/support/eventually.h"

namespace piecework {
namespace {

TEST_SUITE("kept_threads") {
  TEST_CASE("all work is done before join() returns, what other work starts included") {
    KeptThreads threads("test");
    std::atomic<int> done{0};
    for (int i = 0; i < 10; ++i) {
      threads.run([&] {
        threads.run([&] { ++done; });
        ++done;
      });
    }
    threads.join();
    CHECK(done == 20);
    threads.join();
  }

  TEST_CASE("work that waits for other work gets a thread of its own") {
    KeptThreads threads("test");
    std::atomic<bool> second{false};
    std::atomic<bool> first{false};
    threads.run([&] {
      second.wait(false);
      first = true;
    });
    threads.run([&] {
      second = true;
      second.notify_all();
    });
    CHECK(eventually([&] { return first.load(); }));
  }

  TEST_CASE("a thread that has finished takes the next work") {
    KeptThreads threads("test");
    std::set<std::thread::id> ids;
    constexpr int kWorks = 100;
    for (int i = 0; i < kWorks; ++i) {
      std::atomic<bool> done{false};
      threads.run([&] {
        ids.insert(std::this_thread::get_id());
        done = true;
      });
      CHECK(eventually([&] { return done.load(); }));
    }
    threads.join();
    CHECK(ids.size() < kWorks / 2);
  }

  TEST_CASE("many threads hand it work at once") {
    constexpr int kThreads = 4;
    constexpr int kWorks = 500;
    std::atomic<int> done{0};
    {
      KeptThreads threads("test");
      std::deque<std::thread> givers;
      for (int t = 0; t < kThreads; ++t) {
        givers.emplace_back([&] {
          for (int i = 0; i < kWorks; ++i) threads.run([&] { ++done; });
        });
      }
      for (std::thread& giver : givers) giver.join();
    }
    CHECK(done == kThreads * kWorks);
  }
}

}  // namespace
}  // namespace piecework
