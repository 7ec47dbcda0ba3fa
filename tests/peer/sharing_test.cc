#include "peer/sharing.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

namespace piecework::peer {
namespace {

constexpr bool kFirst = true;

TEST_SUITE("sharing") {
  TEST_CASE("who was given a piece that nobody had has passed it on when it turns up elsewhere") {
    Sharing sharing(4);
    CHECK_FALSE(sharing.turned_up("b", PieceIndex(0)));  // nothing is given yet
    sharing.gave("a", PieceIndex(0), kFirst);
    sharing.gave("a", PieceIndex(1), kFirst);
    CHECK(sharing.balance("a").given == 2);
    CHECK_FALSE(sharing.turned_up("a", PieceIndex(0)));  // that is no wonder
    CHECK(sharing.turned_up("b", PieceIndex(0)));
    CHECK(sharing.balance("a").passed_on == 1);
    CHECK_FALSE(sharing.turned_up("c", PieceIndex(0)));  // once for each piece
    CHECK_FALSE(sharing.turned_up("c", PieceIndex(1)));  // that is known by now
    CHECK(sharing.balance("a").passed_on == 2);
    CHECK(sharing.balance("b").given == 0);
  }

  TEST_CASE("a piece that somebody has already says nothing of those who get it then") {
    Sharing sharing(1);
    sharing.gave("a", PieceIndex(0), kFirst);
    sharing.gave("b", PieceIndex(0), !kFirst);
    CHECK_FALSE(sharing.turned_up("c", PieceIndex(0)));
    CHECK(sharing.balance("a").passed_on == 0);
    CHECK(sharing.balance("b").given == 0);
  }

  TEST_CASE("one who keeps it to himself does not hide who passes it on") {
    Sharing sharing(1);
    sharing.gave("greedy", PieceIndex(0), kFirst);  // and does not say so, so that it is
    sharing.gave("a", PieceIndex(0), kFirst);       // as if nobody had it
    CHECK(sharing.turned_up("b", PieceIndex(0)));
    CHECK(sharing.balance("a").passed_on == 1);
    CHECK(sharing.balance("greedy").passed_on == 0);
  }

  TEST_CASE("who has had a few pieces and passes on next to none only takes") {
    Sharing sharing(40);
    for (std::uint32_t i = 0; i < 40; ++i) {
      CHECK(sharing.gave("a", PieceIndex(i), kFirst) == (i + 1 == Sharing::kOnTrust));
    }
    for (std::uint32_t i = 0; i < 5; ++i) {
      CHECK(sharing.balance("a").only_takes());
      CHECK(sharing.turned_up("b", PieceIndex(i)) == (i == 4));
    }
    CHECK_FALSE(sharing.balance("a").only_takes());
  }

  TEST_CASE("what is known of a peer outlasts its connection, but not a flood of names") {
    Sharing sharing(2);
    sharing.gave("a", PieceIndex(0), kFirst);
    CHECK(sharing.balance("a").given == 1);
    for (int i = 0; i < 5000; ++i) sharing.gave(std::to_string(i), PieceIndex(1), kFirst);
    CHECK(sharing.balance("a").given == 0);
    CHECK_FALSE(sharing.turned_up("b", PieceIndex(0)));
  }

  TEST_CASE("many threads give and take") {
    constexpr std::uint32_t kPieces = 64;
    Sharing sharing(kPieces);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, name = std::to_string(t)] {
        for (std::uint32_t i = 0; i < 2000; ++i) {
          sharing.gave(name, PieceIndex(i % kPieces), i % 3 == 0);
          sharing.turned_up(name, PieceIndex((i * 7) % kPieces));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (int t = 0; t < 4; ++t) {
      const Sharing::Balance balance = sharing.balance(std::to_string(t));
      CHECK(balance.given <= 667);
      CHECK(balance.passed_on <= balance.given);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
