#include "peer/seed_tally.h"

#include <doctest/doctest.h>

namespace piecework::peer {
namespace {

TEST_SUITE("seed_tally") {
  const SeedRecord kSaved{
      .fetched = true, .uploaded = 1000, .seeded = seconds(60), .completed_at = seconds(77)};

  TEST_CASE("what was saved is counted on, once") {
    SeedTally tally;
    tally.open(FileOrigin::kKnown, kSaved);
    CHECK(tally.record() == kSaved);
    const TimePoint from = Clock::now();
    tally.start(from);
    tally.count(50, true, from + seconds(5));
    tally.open(FileOrigin::kKnown, kSaved);  // a file that was lost and found
    CHECK(tally.record().uploaded == 1050);
    CHECK(tally.record().seeded == seconds(65));
  }

  TEST_CASE("a file that is made anew is a new beginning") {
    SeedTally tally;
    tally.open(FileOrigin::kMade, kSaved);
    CHECK(tally.record() == SeedRecord{.fetched = true});
    tally.count(70, false, Clock::now());
    tally.open(FileOrigin::kMade, kSaved);
    tally.count(75, false, Clock::now());
    CHECK(tally.record().uploaded == 5);
  }

  TEST_CASE("a file that somebody may have put there was not fetched, whatever was saved") {
    SeedTally tally;
    tally.open(FileOrigin::kUnknown, kSaved);
    CHECK_FALSE(tally.record().fetched);
    CHECK(tally.record().uploaded == kSaved.uploaded);
    tally.open(FileOrigin::kKnown, kSaved);
    CHECK_FALSE(tally.record().fetched);
  }

  TEST_CASE("a file that was removed is not, once there is one") {
    SeedTally tally;
    tally.open(FileOrigin::kKnown, kSaved);
    tally.set_removed(true);
    CHECK(tally.record().removed);
    tally.open(FileOrigin::kMade, kSaved);
    CHECK(tally.record() == SeedRecord{.fetched = true});
    tally.disown();
    CHECK_FALSE(tally.record().fetched);
  }

  TEST_CASE("only the time in which a complete file is served counts, and no part of it is lost") {
    SeedTally tally;
    tally.open(FileOrigin::kMade, {});
    const TimePoint from = Clock::now();
    tally.count(0, true, from);
    CHECK(tally.record().seeded == milliseconds(0));
    tally.start(from);
    tally.count(0, false, from + seconds(10));
    CHECK(tally.record().seeded == milliseconds(0));
    for (int i = 1; i <= 1000; ++i) {
      tally.count(0, true, from + seconds(10) + i * std::chrono::microseconds(1500));
    }
    CHECK(tally.record().seeded == milliseconds(1500));
    tally.pause();
    tally.count(7, true, from + seconds(1000));
    CHECK(tally.record().seeded == milliseconds(1500));
    CHECK(tally.record().uploaded == 7);
    tally.start(from + seconds(2000));
    tally.count(7, true, from + seconds(2001));
    CHECK(tally.record().seeded == milliseconds(2500));
  }

  TEST_CASE("there is news as long as something was sent that is not saved") {
    SeedTally tally;
    tally.open(FileOrigin::kKnown, kSaved);
    CHECK_FALSE(tally.has_news());
    tally.count(1, true, Clock::now());
    CHECK(tally.has_news());
    tally.mark_saved();
    CHECK_FALSE(tally.has_news());
    tally.complete(seconds(99));
    CHECK(tally.record().completed_at == seconds(99));
  }
}

}  // namespace
}  // namespace piecework::peer
