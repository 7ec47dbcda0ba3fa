#include "peer/space_plan.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace piecework::peer {
namespace {

// "a" is a hash of 64 a's.
RemovableDownload download(char name, std::uint64_t bytes, int completed_at, bool leaving = false) {
  return {*InfoHash::parse_hex(std::string(64, name)), bytes, seconds(completed_at), leaving};
}

// The names in their order, and "!" when that is not enough.
std::string plan(const SpaceMarks& marks, std::uint64_t free_bytes,
                 const std::vector<RemovableDownload>& downloads) {
  const SpacePlan plan = plan_space(marks, free_bytes, downloads);
  std::string text;
  for (const InfoHash& info_hash : plan.remove) text += info_hash.to_hex().front();
  return text + (plan.enough ? "" : "!");
}

TEST_SUITE("space_plan") {
  const std::vector<RemovableDownload> kFiles{download('a', 100, 30), download('b', 50, 10),
                                              download('c', 200, 20)};

  TEST_CASE("as long as the low mark is free, nothing goes") {
    CHECK(plan({.low = 100, .high = 1000}, 100, kFiles).empty());
    CHECK(plan({.low = 0, .high = 0}, 0, kFiles).empty());
    CHECK(plan({.low = 0, .high = 1000}, 0, kFiles).empty());
  }

  TEST_CASE("below it the oldest go, until the high mark is free") {
    CHECK(plan({.low = 100, .high = 149}, 99, kFiles) == "b");
    CHECK(plan({.low = 100, .high = 150}, 99, kFiles) == "bc");
    CHECK(plan({.low = 100, .high = 349}, 99, kFiles) == "bc");
    CHECK(plan({.low = 100, .high = 350}, 99, kFiles) == "bca");
    CHECK(plan({.low = 100, .high = 449}, 99, kFiles) == "bca");
    CHECK(plan({.low = 100, .high = 450}, 99, kFiles) == "bca!");
  }

  TEST_CASE("without a high mark the low one is free again") {
    CHECK(plan({.low = 149, .high = 0}, 99, kFiles) == "b");
    CHECK(plan({.low = 150, .high = 0}, 99, kFiles) == "bc");
  }

  TEST_CASE("what is leaving already counts as free") {
    CHECK(plan({.low = 100, .high = 120}, 60, {download('a', 50, 1, true), download('b', 9, 2)})
              .empty());
    CHECK(plan({.low = 100, .high = 120}, 40, {download('a', 50, 1, true), download('b', 30, 2)}) ==
          "b");
  }

  TEST_CASE("what frees nothing stays, and none is none") {
    CHECK(plan({.low = 10}, 5, {download('a', 0, 1), download('b', 9, 2)}) == "b");
    CHECK(plan({.low = 10}, 5, {}) == "!");
    CHECK(plan({.low = 10}, 5, {download('b', 9, 1), download('a', 9, 1)}) == "a");
    CHECK(plan({.low = UINT64_MAX}, 5, {download('a', UINT64_MAX, 1), download('b', 1, 2)}) == "a");
  }
}

}  // namespace
}  // namespace piecework::peer
