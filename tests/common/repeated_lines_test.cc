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

  TEST_CASE("a line that was held back passes again after a window without it") {
    RepeatedLines lines;
    std::vector<RepeatedLines::Held> due;
    for (int i = 0; i < 4; ++i) lines.admit("a", kStart, due);
    CHECK_FALSE(lines.admit("a", kStart + seconds(60), due));
    REQUIRE(due.size() == 1);
    CHECK(due[0].count == 1);
    due = lines.take_due(kStart + seconds(120), false);
    REQUIRE(due.size() == 1);
    CHECK(due[0].count == 1);
    CHECK(lines.take_due(kStart + seconds(180), false).empty());
    CHECK(lines.admit("a", kStart + seconds(181), due));
  }

  TEST_CASE("an equal fault every second is three lines, and then one a minute with its count") {
    constexpr int kMinutes = 10;
    RepeatedLines lines;
    std::vector<RepeatedLines::Held> due;
    std::uint64_t passed = 0;
    std::uint64_t reports = 0;
    std::uint64_t counted = 0;
    for (int second = 0; second <= 60 * kMinutes; ++second) {
      passed += lines.admit("fault", kStart + seconds(second), due) ? 1 : 0;
      for (const auto& held : lines.take_due(kStart + seconds(second), false)) due.push_back(held);
      for (const auto& held : due) counted += held.count;
      reports += due.size();
      due.clear();
    }
    CHECK(passed == 3);
    CHECK(reports == kMinutes);
    CHECK(passed + counted == 60 * kMinutes);  // the very last one is in the next report
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
