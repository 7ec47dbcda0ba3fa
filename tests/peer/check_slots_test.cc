#include "peer/check_slots.h"

#include <doctest/doctest.h>

#include <deque>
#include <thread>

#include "tests/support/eventually.h"

namespace piecework::peer {
namespace {

TEST_SUITE("check_slots") {
  TEST_CASE("a slot that is given back goes to who waits") {
    CheckSlots slots(1);
    const std::atomic<bool> never{false};
    auto first = slots.acquire(never);
    REQUIRE(first);
    std::atomic<bool> got{false};
    std::thread waiter([&] {
      const auto second = slots.acquire(never);
      CHECK(second);
      got = true;
    });
    CHECK_FALSE(got);
    first.reset();
    waiter.join();
    CHECK(got);
    CHECK(slots.acquire(never));
  }

  TEST_CASE("a slot that has been moved away is given back once") {
    CheckSlots slots(1);
    const std::atomic<bool> never{false};
    auto first = slots.acquire(never);
    {
      const CheckSlots::Slot moved = std::move(*first);
      first.reset();
    }
    std::atomic<bool> cancelled{false};
    const auto only = slots.acquire(never);
    std::thread waiter([&] { CHECK_FALSE(slots.acquire(cancelled)); });
    cancelled = true;
    slots.wake();
    waiter.join();
  }

  TEST_CASE("who is cancelled gets nothing, before or while it waits, and others still do") {
    CheckSlots slots(1);
    const std::atomic<bool> never{false};
    std::atomic<bool> cancelled{true};
    CHECK_FALSE(slots.acquire(cancelled));
    cancelled = false;
    auto first = slots.acquire(never);
    std::thread gives_up([&] { CHECK_FALSE(slots.acquire(cancelled)); });
    std::thread goes_on([&] { CHECK(slots.acquire(never)); });
    cancelled = true;
    slots.wake();
    gives_up.join();
    first.reset();
    goes_on.join();
  }

  TEST_CASE("many threads never hold more slots than there are") {
    constexpr int kSlots = 3;
    CheckSlots slots(kSlots);
    const std::atomic<bool> never{false};
    std::atomic<int> held{0};
    std::atomic<int> most{0};
    std::deque<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          const auto slot = slots.acquire(never);
          const int now = ++held;
          for (int before = most; before < now && !most.compare_exchange_weak(before, now);) {
          }
          std::this_thread::yield();
          --held;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(most <= kSlots);
    CHECK(held == 0);
    std::deque<CheckSlots::Slot> all;
    for (int i = 0; i < kSlots; ++i) all.push_back(std::move(*slots.acquire(never)));
  }
}

}  // namespace
}  // namespace piecework::peer
