#include "peer/back_off.h"

#include <doctest/doctest.h>

#include <limits>
#include <set>

namespace piecework::peer {
namespace {

TEST_SUITE("back_off") {
  TEST_CASE("waits double from a second to a minute, less up to a quarter") {
    Random random(1);
    const struct {
      int failures;
      int longest;
    } kCases[] = {{0, 1},  {1, 2},  {2, 4},  {3, 8},   {4, 16},
                  {5, 32}, {6, 60}, {7, 60}, {50, 60}, {std::numeric_limits<int>::max(), 60}};
    for (const auto& c : kCases) {
      CAPTURE(c.failures);
      for (int i = 0; i < 200; ++i) {
        const milliseconds wait = back_off(c.failures, random);
        CHECK(wait <= seconds(c.longest));
        CHECK(wait >= milliseconds(c.longest * 750));
      }
    }
  }

  TEST_CASE("what happened at one instant does not happen again at one instant") {
    Random random(1);
    std::set<milliseconds> waits;
    for (int i = 0; i < 100; ++i) waits.insert(jittered(seconds(60), random));
    CHECK(waits.size() > 90);
    CHECK(*waits.begin() < seconds(48));
    CHECK(*waits.rbegin() > seconds(57));
  }

  TEST_CASE("no wait stays no wait") {
    Random random(1);
    CHECK(jittered(milliseconds(0), random) == milliseconds(0));
    CHECK(jittered(milliseconds(3), random) == milliseconds(3));
  }
}

}  // namespace
}  // namespace piecework::peer
