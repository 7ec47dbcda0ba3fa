#include "common/repeated_lines.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace piecework {
namespace {

const TimePoint kStart{std::chrono::hours(1)};

TEST_SUITE("repeated_lines") {
  TEST_CASE("three equal lines pass, more are counted and reported when the window is over") {
    RepeatedLines lines;
    std::vector<RepeatedLines::Held> due;
    for (int i = 0; i < 3; ++i) CHECK(lines.admit("a", kStart, due));
    for (int i = 0; i < 5; ++i) CHECK_FALSE(lines.admit("a", kStart + seconds(59), due));
    CHECK(due.empty());
    CHECK(lines.take_due(kStart + seconds(59), false).empty());
    const auto reported = lines.take_due(kStart + seconds(60), false);
    REQUIRE(reported.size() == 1);
    CHECK(reported[0].text == "a");
    CHECK(reported[0].count == 5);
    CHECK(lines.take_due(kStart + seconds(60), true).empty());
  }

  TEST_CASE("a line after its window passes again, and its old count is reported first") {
    RepeatedLines lines;
    std::vector<RepeatedLines::Held> due;
    for (int i = 0; i < 4; ++i) lines.admit("a", kStart, due);
    CHECK(lines.admit("a", kStart + seconds(60), due));
    REQUIRE(due.size() == 1);
    CHECK(due[0].count == 1);
  }

  TEST_CASE("lines that were not held back are not reported") {
    RepeatedLines lines;
    std::vector<RepeatedLines::Held> due;
    for (int i = 0; i < 3; ++i) lines.admit("a", kStart, due);
    CHECK(lines.take_due(kStart, true).empty());
  }

  TEST_CASE("only so many lines are remembered, and one forgotten is reported with its count") {
    RepeatedLines lines;
    std::vector<RepeatedLines::Held> due;
    for (int i = 0; i < 5; ++i) lines.admit("first", kStart, due);
    for (std::size_t i = 0; i < RepeatedLines::kRemembered; ++i) {
      CHECK(lines.admit("other " + std::to_string(i), kStart, due));
    }
    REQUIRE(due.size() == 1);
    CHECK(due[0].text == "first");
    CHECK(due[0].count == 2);
    CHECK(lines.admit("first", kStart, due));
  }
}

}  // namespace
}  // namespace piecework
