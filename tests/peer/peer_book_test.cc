#include "peer/peer_book.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/support/captured_log.h"
#include "tests/support/fake_peer.h"
#include "tests/support/peer_node.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

const TimePoint kStart{std::chrono::hours(1)};

Endpoint peer(int number) {
  return *Endpoint::parse("10.0." + std::to_string(number / 250) + "." +
                          std::to_string(number % 250) + ":5555");
}

std::vector<Endpoint> peers(int count) {
  std::vector<Endpoint> all;
  all.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) all.push_back(peer(i));
  return all;
}

// A book that knows peer(0) only, and has dialled it.
struct Dialled {
  Dialled() {
    book.named_by_tracker({peer(0)}, kStart);
    CHECK(book.take_due(kStart) == std::vector{peer(0)});
  }

  // How long after that end it may be dialled again.
  Clock::duration pause_after(Outcome outcome, TimePoint now = kStart) {
    book.ended(peer(0), outcome, now, random);
    return book.next_due() - now;
  }

  PeerBook book{10};
  Random random{1};
};

bool between(Clock::duration value, Clock::duration least, Clock::duration most) {
  return least <= value && value <= most;
}

TEST_SUITE("peer_book") {
  TEST_CASE("peers are due as soon as the tracker has named them, and once") {
    PeerBook book(10);
    CHECK(book.next_due() == kNoDeadline);
    CHECK(book.take_due(kStart).empty());
    book.named_by_tracker(peers(3), kStart);
    CHECK(book.size() == 3);
    CHECK(book.next_due() == kStart);
    auto due = book.take_due(kStart);
    std::sort(due.begin(), due.end());
    CHECK(due == peers(3));
    CHECK(book.next_due() == kNoDeadline);
    book.named_by_tracker(peers(3), kStart);
    CHECK(book.take_due(kStart + std::chrono::hours(2)).empty());
  }

  TEST_CASE("of many that cannot be reached each has its turn") {
    constexpr int kPeers = 2000;
    PeerBook book(50);
    Random random(1);
    book.named_by_tracker(peers(kPeers), kStart);
    std::set<Endpoint> dialled;
    // Each attempt takes five seconds, and who failed is due again long before the last was tried.
    for (TimePoint now = kStart; now <= kStart + seconds(5) * (kPeers / 50); now += seconds(5)) {
      for (const Endpoint& one : book.take_due(now)) {
        dialled.insert(one);
        book.ended(one, Outcome::kUnreachable, now, random);
      }
    }
    CHECK(dialled.size() == kPeers);
  }

  TEST_CASE("no more are dialled at a time than there are places") {
    PeerBook book(2);
    Random random(1);
    book.named_by_tracker(peers(5), kStart);
    const auto first = book.take_due(kStart);
    CHECK(first.size() == 2);
    CHECK(book.next_due() == kNoDeadline);  // nothing before one of them ends
    CHECK(book.take_due(kStart).empty());
    book.ended(first[0], Outcome::kBanned, kStart, random);
    CHECK(book.next_due() == kStart);
    const auto second = book.take_due(kStart);
    CHECK(second.size() == 1);
    CHECK(second[0] != first[0]);
    CHECK(book.take_due(kStart).empty());
  }

  TEST_CASE("each end has its pause before the next attempt") {
    const struct {
      Outcome outcome;
      Clock::duration least;
      Clock::duration most;
    } kCases[] = {
        {Outcome::kUnreachable, milliseconds(750), seconds(1)},
        {Outcome::kSilent, milliseconds(750), seconds(1)},
        {Outcome::kLost, milliseconds(750), seconds(1)},
        {Outcome::kOriginalLost, seconds(10), seconds(10)},
        {Outcome::kBroken, seconds(60), seconds(60)},
        {Outcome::kOther, seconds(60), seconds(60)},
        {Outcome::kSurplus, seconds(10), seconds(10)},
        {Outcome::kOver, seconds(10), seconds(10)},
        {Outcome::kBothComplete, seconds(600), seconds(600)},
        {Outcome::kBanned, seconds(600), seconds(600)},
        {Outcome::kStopped, milliseconds(750), seconds(1)},
    };
    for (const auto& c : kCases) {
      CAPTURE(outcome_name(c.outcome));
      Dialled dialled;
      const auto pause = dialled.pause_after(c.outcome);
      CHECK(between(pause, c.least, c.most));
      CHECK(dialled.book.take_due(kStart + pause - milliseconds(1)).empty());
      CHECK(dialled.book.take_due(kStart + pause).size() == 1);
    }
  }

  TEST_CASE("an original that we lose in the middle is left alone for 10 s") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10, HashForm::kOriginal);
    PeerNode node(sample, "000");
    StreamPair pair = tcp_stream_pair();
    Talk talk(node, std::move(pair.left), Talk::Side::kDialled);
    FakePeer fake(std::move(pair.right));
    fake.introduce("110", std::nullopt);
    CHECK(fake.hear() == "Bitfield 000 greeting");
    CHECK(fake.hear() == "Interested");
    fake.stream().shutdown();
    CHECK(Dialled().pause_after(talk.outcome()) == seconds(10));
  }

  TEST_CASE("we never dial ourselves again") {
    Dialled dialled;
    dialled.book.ended(peer(0), Outcome::kSelf, kStart, dialled.random);
    CHECK(dialled.book.next_due() == kNoDeadline);
    CHECK(dialled.book.take_due(kStart + std::chrono::hours(1000)).empty());
  }

  TEST_CASE("a peer that cannot be reached is tried less and less, up to once a minute") {
    Dialled dialled;
    TimePoint now = kStart;
    for (const int wait : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
      CAPTURE(wait);
      const auto pause = dialled.pause_after(Outcome::kUnreachable, now);
      CHECK(between(pause, milliseconds(wait * 750), seconds(wait)));
      now += pause;
      CHECK(dialled.book.take_due(now).size() == 1);
    }
    // A conversation makes it forget the failures.
    now += dialled.pause_after(Outcome::kLost, now);
    CHECK(dialled.book.take_due(now).size() == 1);
    CHECK(dialled.pause_after(Outcome::kSilent, now) <= seconds(1));
  }

  TEST_CASE("a peer that dialled us is not dialled, and a little later than it leaves it is") {
    PeerBook book(10);
    book.named_by_tracker({peer(0)}, kStart);
    book.accepted_from(peer(0));
    CHECK(book.take_due(kStart).empty());
    CHECK(book.next_due() == kNoDeadline);
    book.accepted_gone(peer(0), kStart);
    CHECK(book.next_due() == kStart + seconds(1));
    CHECK(book.take_due(kStart).empty());
    CHECK(book.take_due(kStart + seconds(1)).size() == 1);
  }

  TEST_CASE("of several connections from a peer the last one counts") {
    PeerBook book(10);
    book.named_by_tracker({peer(0)}, kStart);
    book.accepted_from(peer(0));
    book.accepted_from(peer(0));
    book.accepted_gone(peer(0), kStart);
    CHECK(book.take_due(kStart + seconds(5)).empty());
    book.accepted_gone(peer(0), kStart);
    CHECK(book.take_due(kStart + seconds(5)).size() == 1);
  }

  TEST_CASE("a longer pause is not cut by a connection that came and went") {
    Dialled dialled;
    dialled.book.ended(peer(0), Outcome::kBroken, kStart, dialled.random);
    dialled.book.accepted_from(peer(0));
    dialled.book.accepted_gone(peer(0), kStart);
    CHECK(dialled.book.next_due() == kStart + seconds(60));
  }

  TEST_CASE("a peer that dialled us before the tracker named it is not dialled either") {
    PeerBook book(10);
    book.accepted_from(peer(0));
    book.named_by_tracker({peer(0)}, kStart);
    CHECK(book.next_due() == kNoDeadline);
    CHECK(book.take_due(kStart).empty());
    book.accepted_gone(peer(0), kStart);
    CHECK(book.take_due(kStart + seconds(1)).size() == 1);
  }

  TEST_CASE(
      "peers that the tracker has not named for a long time are forgotten, unless they talk") {
    PeerBook book(2);
    Random random(1);
    book.named_by_tracker({peer(0), peer(1)}, kStart);
    book.take_due(kStart);
    book.named_by_tracker({peer(2), peer(3)}, kStart);
    book.accepted_from(peer(2));
    const TimePoint later = kStart + std::chrono::minutes(61);
    book.named_by_tracker({peer(4)}, later);
    CHECK(book.size() == 4);  // 0 and 1 dialled, 2 accepted, 4 new; 3 is gone
    book.ended(peer(0), Outcome::kLost, later, random);
    book.named_by_tracker({peer(1)}, later);
    CHECK(book.size() == 3);
    // Whoever ends after it was forgotten is no trouble.
    book.ended(peer(3), Outcome::kLost, later, random);
    book.accepted_gone(peer(3), later);
    book.accepted_from(peer(3));
    book.accepted_gone(peer(3), later);
    CHECK(book.size() == 3);
  }

  TEST_CASE("starting over makes everyone due at once, but ourselves and those who talk") {
    PeerBook book(10);
    Random random(1);
    book.named_by_tracker(peers(4), kStart);
    book.take_due(kStart);
    book.ended(peer(0), Outcome::kBothComplete, kStart, random);
    book.ended(peer(1), Outcome::kSelf, kStart, random);
    book.ended(peer(2), Outcome::kLost, kStart, random);
    book.accepted_from(peer(2));
    const TimePoint later = kStart + seconds(100);
    CHECK(book.take_due(later).empty());
    book.start_over(later);
    CHECK(book.next_due() <= later);
    CHECK(book.take_due(later) == std::vector{peer(0)});
  }

  TEST_CASE("who was denied is due when the list has changed, and nobody else is") {
    PeerBook book(10);
    Random random(1);
    book.named_by_tracker(peers(3), kStart);
    book.take_due(kStart);
    book.ended(peer(0), Outcome::kDenied, kStart, random);
    book.ended(peer(1), Outcome::kBothComplete, kStart, random);
    book.ended(peer(2), Outcome::kLost, kStart, random);
    CHECK(book.take_due(kStart).empty());
    book.readmit(kStart);
    CHECK(book.take_due(kStart) == std::vector{peer(0)});
    book.ended(peer(0), Outcome::kUnreachable, kStart, random);
    book.readmit(kStart);
    CHECK(book.take_due(kStart).empty());
  }

  TEST_CASE("a tracker cannot make the book grow without bound") {
    PeerBook book(10);
    book.named_by_tracker(peers(5000), kStart);
    CHECK(book.size() == 2000);
    book.named_by_tracker(peers(5000), kStart);
    CHECK(book.size() == 2000);
    book.named_by_tracker({}, kStart + std::chrono::minutes(61));
    CHECK(book.size() == 0);
  }

  TEST_CASE("every outcome has a word of its own for the log") {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Outcome::kStopped); ++i) {
      const std::string_view name = outcome_name(static_cast<Outcome>(i));
      CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
      CHECK(name != "unknown");
      CHECK(names.insert(name).second);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
