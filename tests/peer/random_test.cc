#include "peer/random.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

namespace piecework::peer {
namespace {

TEST_SUITE("random") {
  TEST_CASE("the numbers are those of the reference implementation") {
    Random random(1234567);
    CHECK(random() == 6457827717110365317U);
    CHECK(random() == 3203168211198807973U);
    CHECK(random() == 9817491932198370423U);
  }

  TEST_CASE("small ranges are hit about equally often, from neighbouring seeds too") {
    std::array<int, 10> hits{};
    for (std::uint64_t seed = 0; seed < 10000; ++seed) ++hits[Random(seed)() % hits.size()];
    for (const int count : hits) {
      CHECK(count > 800);
      CHECK(count < 1200);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
