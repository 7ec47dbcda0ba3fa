#include "common/line_budget.h"

#include <doctest/doctest.h>

#include <string>

namespace piecework {
namespace {

const TimePoint kStart{std::chrono::hours(1)};

std::string refused(int port) {
  return "warn peer.refused peer=10.0.0.1:" + std::to_string(port) + " reason=x";
}

// How many of `lines` about as many strangers are printed.
int printed(LineBudget& budget, int lines, TimePoint now) {
  int count = 0;
  for (int i = 0; i < lines; ++i) count += budget.admit(refused(i), now) ? 1 : 0;
  return count;
}

TEST_SUITE("line_budget") {
  TEST_CASE("lines about strangers are printed as long as the stock lasts, then counted") {
    LineBudget budget;
    const int stock = LineBudget::kStock;
    CHECK(printed(budget, stock + 500, kStart) == stock);
    CHECK(budget.take_due(kStart + seconds(59), false).empty());
    const auto due = budget.take_due(kStart + seconds(60), false);
    REQUIRE(due.size() == 1);
    CHECK(due[0].event == "peer.refused");
    CHECK(due[0].lines == 500);
    CHECK(budget.take_due(kStart + seconds(999), true).empty());
  }

  TEST_CASE("the stock fills up slowly, and never beyond what it was") {
    LineBudget budget;
    const int stock = LineBudget::kStock;
    CHECK(printed(budget, stock, kStart) == stock);
    CHECK(printed(budget, 100, kStart + seconds(1)) == 5);
    CHECK(printed(budget, 100, kStart + milliseconds(1199)) == 0);
    CHECK(printed(budget, 100, kStart + milliseconds(1200)) == 1);
    CHECK(printed(budget, 2 * stock, kStart + std::chrono::hours(2)) == stock);
  }

  TEST_CASE("each event has a stock of its own") {
    LineBudget budget;
    printed(budget, LineBudget::kStock + 1, kStart);
    CHECK_FALSE(budget.admit(refused(1), kStart));
    CHECK(budget.admit("warn connection.refused address=10.0.0.1 reason=x", kStart));
    CHECK(budget.admit("warn peer.banned peer=10.0.0.1:1", kStart));
  }

  TEST_CASE("lines about ourselves and debug lines are never held back") {
    for (const std::string line :
         {"info torrent.added hash=ab name=peer=x", "debug peer.joined peer=10.0.0.1:1",
          "info peer.started", "warn", "", "error peer.stopped seconds=1 peer=x"}) {
      LineBudget budget;
      bool all = true;
      for (std::uint64_t i = 0; i < LineBudget::kStock + 100; ++i) {
        all = budget.admit(line, kStart) && all;
      }
      CAPTURE(line);
      CHECK(all);
      CHECK(budget.take_due(kStart, true).empty());
    }
  }

  TEST_CASE("a line that stands for several counts as those") {
    LineBudget budget;
    printed(budget, LineBudget::kStock, kStart);
    CHECK_FALSE(budget.admit(refused(1), kStart, 7));
    CHECK_FALSE(budget.admit(refused(2), kStart));
    const auto due = budget.take_due(kStart, true);
    REQUIRE(due.size() == 1);
    CHECK(due[0].lines == 8);
  }

  TEST_CASE("time that seems to go back changes nothing") {
    LineBudget budget;
    printed(budget, LineBudget::kStock, kStart);
    CHECK_FALSE(budget.admit(refused(1), kStart - seconds(60)));
    CHECK(printed(budget, 100, kStart + seconds(1)) == 5);
  }
}

}  // namespace
}  // namespace piecework
