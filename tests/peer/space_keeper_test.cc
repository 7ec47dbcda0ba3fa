#include "peer/space_keeper.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"

namespace piecework::peer {
namespace {

// A disk of 1000 bytes with ten files of 50; removing takes effect at once.
struct Disk {
  SpaceKeeper::Environment environment() {
    return {.free_bytes =
                [this] {
                  if (fails) throw std::system_error(EIO, std::generic_category(), "statvfs /x");
                  return free.load();
                },
            .downloads =
                [this] {
                  std::vector<RemovableDownload> all;
                  for (int i = gone; i < 10; ++i) {
                    const char digit = static_cast<char>('0' + i);
                    all.push_back({*InfoHash::parse_hex(std::string(64, digit)), 50, seconds(i)});
                  }
                  return all;
                },
            .remove =
                [this](const InfoHash&) {
                  ++gone;
                  free += 50;
                }};
  }
  std::atomic<std::uint64_t> free = 500;
  std::atomic<int> gone = 0;
  std::atomic<bool> fails = false;
};

TEST_SUITE("space_keeper") {
  TEST_CASE("it removes nothing unless it is told to, and what is missing at once when it is") {
    const CapturedLog log;
    Disk disk;
    SpaceKeeper keeper({}, disk.environment());
    keeper.start();
    disk.free = 0;
    keeper.set({.low = 100, .high = 200});
    CHECK(eventually([&] { return disk.gone == 4; }));
    CHECK(disk.free == 200);
    keeper.set({.low = 250});
    CHECK(eventually([&] { return disk.gone == 5; }));
    disk.free = 240;
    keeper.look_soon();
    CHECK(eventually([&] { return disk.gone == 6; }));
    keeper.set({});
    disk.free = 0;
    keeper.look_soon();
    keeper.stop();
    CHECK(disk.gone == 6);
    CHECK_FALSE(log.has("space."));
  }

  TEST_CASE("when there is nothing left to remove, it says so once until there was enough") {
    const CapturedLog log;
    Disk disk;
    SpaceKeeper keeper({}, disk.environment());
    keeper.look({.low = 2000});
    CHECK(disk.gone == 10);
    keeper.look({.low = 2000});
    CHECK(log.count("space.low") == 1);
    CHECK(log.has(" warn space.low free=500 low=2000 reason="));
    disk.free = 3000;
    keeper.look({.low = 2000});
    disk.free = 100;
    keeper.look({.low = 2000});
    CHECK(log.count("space.low") == 2);
  }

  TEST_CASE("when it cannot be told how much is free, nothing goes") {
    const CapturedLog log;
    Disk disk;
    disk.fails = true;
    SpaceKeeper keeper({}, disk.environment());
    keeper.look({.low = 2000});
    CHECK(disk.gone == 0);
    CHECK(log.has(" warn space.unknown reason=\"statvfs /x: "));
  }

  TEST_CASE("many threads change the marks while it looks") {
    const CapturedLog log;
    Disk disk;
    SpaceKeeper keeper({}, disk.environment());
    keeper.start();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (unsigned n = 0; n < 200; ++n) keeper.set({.low = n, .high = n + i});
      });
    }
    for (std::thread& thread : threads) thread.join();
    keeper.set({.low = 550});
    CHECK(eventually([&] { return disk.gone == 1; }));
    keeper.stop();
  }
}

}  // namespace
}  // namespace piecework::peer
