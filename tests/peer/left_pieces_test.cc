#include "peer/left_pieces.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/pieces.h"

namespace piecework::peer {
namespace {

constexpr TimePoint kIdle = TimePoint::max();
constexpr TimePoint kBusy = LeftPieces::kNoEndgame;
constexpr TimePoint kNow{};

// A peer that has joined.
PeerPieces joined(LeftPieces& left, std::string_view has) {
  PeerPieces peer{pieces(has), false};
  left.peer_joined(peer);
  return peer;
}

std::string name(const std::optional<PieceClaim>& claim) {
  return claim ? std::to_string(claim->piece().value()) : "none";
}

// Claims until there is nothing more.
std::string claim_all(LeftPieces& left, const PeerPieces& from, std::vector<PieceClaim>& claims) {
  std::string names;
  while (auto claim = left.claim(from, {}, kNow, kBusy)) {
    names += std::to_string(claim->piece().value());
    claims.push_back(std::move(*claim));
  }
  return names;
}

TEST_SUITE("left_pieces") {
  TEST_CASE("what is held is not claimed, and the rest only once") {
    LeftPieces left(pieces("0101"), 1);
    const PeerPieces seeder = joined(left, "1111");
    std::vector<PieceClaim> claims;
    std::string names = claim_all(left, seeder, claims);
    std::sort(names.begin(), names.end());
    CHECK(names == "02");
    CHECK(left.none_left());
    CHECK(left.held_count() == 2);
  }

  TEST_CASE("only what the peer has is claimed of it") {
    LeftPieces left(pieces("0000"), 1);
    const PeerPieces one = joined(left, "0010");
    const PeerPieces two = joined(left, "0000");
    CHECK(name(left.claim(two, {}, kNow, kIdle)) == "none");
    const auto claim = left.claim(one, {}, kNow, kIdle);
    CHECK(name(claim) == "2");
    CHECK(name(left.claim(one, {}, kNow, kBusy)) == "none");
    CHECK_FALSE(left.none_left());
  }

  TEST_CASE("a claim dropped by a dying connection returns to the queue") {
    LeftPieces left(pieces("0"), 1);
    const PeerPieces seeder = joined(left, "1");
    {
      const auto claim = left.claim(seeder, {}, kNow, kBusy);
      CHECK(name(claim) == "0");
      CHECK(left.none_left());
      CHECK(name(left.claim(seeder, {}, kNow, kBusy)) == "none");
    }
    CHECK_FALSE(left.none_left());
    CHECK(name(left.claim(seeder, {}, kNow, kBusy)) == "0");
  }

  TEST_CASE("a completed piece does not return, whatever becomes of the claim") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces seeder = joined(left, "11");
    {
      const auto claim = left.claim(seeder, {}, kNow, kBusy);
      CHECK(left.complete(claim->piece()));
      CHECK_FALSE(left.complete(claim->piece()));
      CHECK(left.is_held(claim->piece()));
    }
    CHECK(left.held_count() == 1);
    CHECK_FALSE(left.all_held());
    std::vector<PieceClaim> claims;
    CHECK(claim_all(left, seeder, claims).size() == 1);
    CHECK(left.complete(claims.front().piece()));
    CHECK(left.all_held());
    CHECK(to_text(left.held()) == "11");
  }

  TEST_CASE("a piece that comes unclaimed leaves the queue") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces seeder = joined(left, "11");
    CHECK(left.complete(PieceIndex(0)));
    std::vector<PieceClaim> claims;
    CHECK(claim_all(left, seeder, claims) == "1");
  }

  TEST_CASE("a claim that has been moved away gives back nothing, and an overwritten one all") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces seeder = joined(left, "11");
    auto first = left.claim(seeder, {}, kNow, kBusy);
    auto second = left.claim(seeder, {}, kNow, kBusy);
    {
      PieceClaim taken = std::move(*first);
      first.reset();
      CHECK(left.none_left());
      *second = std::move(taken);
    }
    CHECK_FALSE(left.none_left());
    second.reset();
    std::vector<PieceClaim> claims;
    CHECK(claim_all(left, seeder, claims).size() == 2);
  }

  TEST_CASE("the rarest piece goes first, as peers come, gain and go") {
    LeftPieces left(pieces("000"), 1);
    PeerPieces one = joined(left, "110");
    PeerPieces two = joined(left, "010");
    PeerPieces three = joined(left, "011");
    CHECK(left.availability(PieceIndex(0)) == 1);
    CHECK(left.availability(PieceIndex(1)) == 3);
    CHECK(name(left.claim(one, {}, kNow, kBusy)) == "0");
    two.has.set(PieceIndex(0));
    left.peer_gained(two, PieceIndex(0));
    CHECK(left.availability(PieceIndex(0)) == 2);
    left.peer_left(two);
    left.peer_left(three);
    CHECK(left.availability(PieceIndex(0)) == 1);
    CHECK(left.availability(PieceIndex(1)) == 1);
    CHECK(left.availability(PieceIndex(2)) == 0);
  }

  TEST_CASE("a peer with everything counts for every piece, also after it became one here") {
    LeftPieces left(pieces("000"), 1);
    PeerPieces seeder = joined(left, "111");
    PeerPieces late = joined(left, "011");
    CHECK(left.availability(PieceIndex(0)) == 1);
    CHECK(left.availability(PieceIndex(1)) == 2);
    CHECK(left.unavailable() == 0);
    late.has.set(PieceIndex(0));
    left.peer_gained(late, PieceIndex(0));
    CHECK(left.availability(PieceIndex(0)) == 2);
    left.peer_left(seeder);
    CHECK(left.availability(PieceIndex(0)) == 1);
    left.peer_left(late);
    CHECK(left.availability(PieceIndex(0)) == 0);
    CHECK(left.unavailable() == 3);
    left.complete(PieceIndex(0));
    CHECK(left.unavailable() == 2);
  }

  TEST_CASE("what a peer has sent wrongly is asked of it last") {
    LeftPieces left(Bitfield(20), 1);
    PeerPieces bad{Bitfield(20, true)};
    left.peer_joined(bad);
    const auto distrusted = indexes({7});
    std::vector<PieceClaim> claims;
    for (int i = 0; i < 19; ++i) {
      auto claim = left.claim(bad, distrusted, kNow, kBusy);
      REQUIRE(claim);
      CHECK(claim->piece() != PieceIndex(7));
      claims.push_back(std::move(*claim));
    }
    CHECK(name(left.claim(bad, distrusted, kNow, kBusy)) == "7");
  }

  TEST_CASE("a piece that a peer sent wrongly is asked of others, as long as there are any") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces bad = joined(left, "11");
    PeerPieces other = joined(left, "10");
    const auto distrusted = indexes({0});
    const auto claim = left.claim(bad, distrusted, kNow, kBusy);
    CHECK(name(claim) == "1");
    CHECK(name(left.claim(bad, distrusted, kNow, kBusy)) == "none");
    left.peer_left(other);
    CHECK(name(left.claim(bad, distrusted, kNow, kBusy)) == "0");
  }

  TEST_CASE("in the endgame an idle connection gets what another has claimed") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces slow = joined(left, "11");
    const PeerPieces fast = joined(left, "11");
    auto first = left.claim(slow, {}, kNow, kBusy);
    CHECK(name(left.claim(fast, {}, kNow, kIdle)) != name(first));  // something is left still
    auto second = left.claim(slow, {}, kNow, kBusy);
    CHECK(left.none_left());
    CHECK(name(left.claim(fast, {}, kNow, kBusy)) == "none");
    auto again = left.claim(fast, {}, kNow, kIdle);
    REQUIRE(again);
    CHECK(left.complete(again->piece()));
    again.reset();
    const auto last = left.claim(fast, {}, kNow, kIdle);
    REQUIRE(last);
    CHECK_FALSE(left.is_held(last->piece()));
    left.complete(last->piece());
    CHECK(name(left.claim(fast, {}, kNow, kIdle)) == "none");
  }

  TEST_CASE("the endgame leaves a claim its time") {
    LeftPieces left(pieces("0"), 1);
    const PeerPieces slow = joined(left, "1");
    const PeerPieces fast = joined(left, "1");
    const auto first = left.claim(slow, {}, kNow, kBusy);
    CHECK(name(left.claim(fast, {}, kNow, kNow)) == "none");
    CHECK(name(left.claim(fast, {}, kNow + seconds(1), kNow + milliseconds(1))) == "0");
  }

  TEST_CASE("the endgame asks only for what has been claimed for a while") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces seeder = joined(left, "11");
    const auto first = left.claim(seeder, {}, kNow, kBusy);
    const auto second = left.claim(seeder, {}, kNow + seconds(5), kBusy);
    CHECK(name(left.claim(seeder, {}, kNow, kNow)) == "none");
    const auto old = left.claim(seeder, {}, kNow, kNow + seconds(5));
    CHECK(name(old) == name(first));
    CHECK(name(left.claim(seeder, {}, kNow, kNow + seconds(6))) == name(second));
  }

  TEST_CASE("the endgame spreads over the pieces and bounds how many ask for one") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces seeder = joined(left, "11");
    std::vector<PieceClaim> claims;
    claim_all(left, seeder, claims);
    std::vector<int> times(2, 1);
    while (auto claim = left.claim(seeder, {}, kNow, kIdle)) {
      ++times[claim->piece().value()];
      CHECK(std::abs(times[0] - times[1]) <= 1);
      claims.push_back(std::move(*claim));
    }
    CHECK(times == std::vector{4, 4});
    // Only when the last of them is gone is the piece left again.
    while (claims.size() > 1) {
      claims.pop_back();
      CHECK(left.availability(PieceIndex(0)) == 1);
    }
    claims.clear();
    CHECK(claim_all(left, seeder, claims).size() == 2);
  }

  TEST_CASE("peers that have all stalled do not keep a piece for ever") {
    LeftPieces left(pieces("0"), 1);
    const PeerPieces seeder = joined(left, "1");
    std::vector<PieceClaim> claims;
    while (auto claim = left.claim(seeder, {}, kNow, kIdle)) claims.push_back(std::move(*claim));
    CHECK(claims.size() == 4);
    CHECK(name(left.claim(seeder, {}, kNow + seconds(59), kIdle)) == "none");
    auto fifth = left.claim(seeder, {}, kNow + seconds(60), kIdle);
    CHECK(name(fifth) == "0");
    CHECK(name(left.claim(seeder, {}, kNow + seconds(61), kIdle)) == "none");
    CHECK(name(left.claim(seeder, {}, kNow + seconds(120), kIdle)) == "0");
    claims.clear();
    CHECK(left.none_left());
    fifth.reset();
    CHECK_FALSE(left.none_left());
  }

  TEST_CASE("the endgame of a peer begins when nothing that it has is left") {
    LeftPieces left(pieces("000"), 1);
    const PeerPieces slow = joined(left, "110");
    const PeerPieces fast = joined(left, "110");
    std::vector<PieceClaim> claims;
    CHECK(claim_all(left, slow, claims).size() == 2);
    CHECK_FALSE(left.none_left());  // piece 2 is with nobody
    CHECK(name(left.claim(fast, {}, kNow, kBusy)) == "none");
    CHECK(name(left.claim(fast, {}, kNow, kIdle)) != "none");
  }

  TEST_CASE("the endgame asks no peer for what it lacks or has sent wrongly") {
    LeftPieces left(pieces("00"), 1);
    const PeerPieces seeder = joined(left, "11");
    std::vector<PieceClaim> claims;
    claim_all(left, seeder, claims);
    const PeerPieces none = joined(left, "00");
    CHECK(name(left.claim(none, {}, kNow, kIdle)) == "none");
    const PeerPieces one = joined(left, "10");
    CHECK(name(left.claim(one, indexes({0}), kNow, kIdle)) == "none");
    CHECK(name(left.claim(one, indexes({1}), kNow, kIdle)) == "0");
  }

  TEST_CASE("of two that were sent the same piece, the first stores it and the other does not") {
    LeftPieces left(pieces("01"), 1);
    CHECK(left.begin_storing(PieceIndex(0)));
    CHECK_FALSE(left.is_held(PieceIndex(0)));
    CHECK_FALSE(left.begin_storing(PieceIndex(0)));  // while it is written, and
    CHECK(left.complete(PieceIndex(0)));
    CHECK_FALSE(left.begin_storing(PieceIndex(0)));  // when it has been
    CHECK_FALSE(left.begin_storing(PieceIndex(1)));
  }

  TEST_CASE("a piece that could not be stored may be stored by the next") {
    LeftPieces left(pieces("0"), 1);
    CHECK(left.begin_storing(PieceIndex(0)));
    left.storing_failed(PieceIndex(0));
    CHECK(left.begin_storing(PieceIndex(0)));
  }

  TEST_CASE("no pieces at all are all held") {
    LeftPieces left(Bitfield(0), 1);
    const PeerPieces seeder = joined(left, "");
    CHECK(left.all_held());
    CHECK(left.none_left());
    CHECK(left.unavailable() == 0);
    CHECK(name(left.claim(seeder, {}, kNow, kIdle)) == "none");
  }

  TEST_CASE("many connections claim, drop and complete, and every piece is completed once") {
    constexpr std::uint32_t kPieces = 400;
    constexpr int kConnections = 6;
    LeftPieces left(Bitfield(kPieces), 1);
    std::vector<std::atomic<int>> completed(kPieces);
    std::deque<std::thread> threads;
    for (int t = 0; t < kConnections; ++t) {
      threads.emplace_back([&, t] {
        Random random(static_cast<std::uint64_t>(t));
        PeerPieces mine{Bitfield(kPieces), false};
        for (PieceIndex piece; piece.value() < kPieces; ++piece) {
          if (random() % 2 == 0) mine.has.set(piece);
        }
        left.peer_joined(mine);
        std::deque<PieceClaim> claims;
        while (!left.all_held()) {
          auto claim = left.claim(mine, {}, kNow, claims.empty() ? kIdle : kBusy);
          const bool got = claim.has_value();
          if (got) claims.push_back(std::move(*claim));
          const PieceIndex gained(static_cast<std::uint32_t>(random() % kPieces));
          if (mine.has.set(gained)) left.peer_gained(mine, gained);
          if (claims.empty() || (got && claims.size() < 5)) continue;
          const PieceIndex piece = claims.front().piece();
          if (random() % 4 != 0 && left.begin_storing(piece) && left.complete(piece)) {
            ++completed[piece.value()];
          }
          claims.pop_front();
        }
        claims.clear();
        left.peer_left(mine);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& times : completed) CHECK(times == 1);
    CHECK(left.none_left());
    for (PieceIndex piece; piece.value() < kPieces; ++piece) {
      CHECK(left.availability(piece) == 0);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
