#include "peer/seed_steering.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/pieces.h"

namespace piecework::peer {
namespace {

TEST_SUITE("seed_steering") {
  TEST_CASE("everything is offered once before anything is offered twice") {
    SeedSteering steering(100, 1);
    std::vector<std::unique_ptr<Offers>> leechers;
    for (int i = 0; i < 4; ++i) {
      leechers.push_back(std::make_unique<Offers>(steering, Bitfield(100)));
    }
    std::set<std::uint32_t> offered;
    for (int i = 0; i < 100; ++i) {
      Offers& leecher = *leechers[static_cast<std::size_t>(i % 4)];
      const auto piece = leecher.next();
      REQUIRE(piece);
      CHECK(offered.insert(piece->value()).second);
      leecher.settled(*piece);  // it asks for it
    }
    CHECK(offered.size() == 100);
    const auto again = leechers[0]->next();
    REQUIRE(again);
  }

  TEST_CASE("what others have is offered last, and what the leecher has, never") {
    SeedSteering steering(6, 1);
    const Offers first(steering, pieces("111000"));
    const Offers second(steering, pieces("110000"));
    Offers third(steering, pieces("000001"));
    std::string order;
    while (const auto piece = third.next()) {
      order += std::to_string(piece->value());
      third.settled(*piece);
    }
    REQUIRE(order.size() == 5);
    CHECK((order.substr(0, 2) == "34" || order.substr(0, 2) == "43"));
    CHECK(order[2] == '2');
  }

  TEST_CASE("offers wait until some are settled, here or elsewhere") {
    SeedSteering steering(100, 1);
    Offers leecher(steering, Bitfield(100));
    std::vector<PieceIndex> open;
    while (const auto piece = leecher.next()) open.push_back(*piece);
    CHECK(open.size() < 100);
    CHECK_FALSE(leecher.next());
    leecher.settled(open[0]);
    CHECK(leecher.next());
    CHECK_FALSE(leecher.next());
    for (PieceIndex piece; piece.value() < 100; ++piece) leecher.settled(piece);
    CHECK_FALSE(leecher.next());
  }

  TEST_CASE("what a leecher that leaves was promised is offered to the next") {
    SeedSteering steering(3, 1);
    Offers stays(steering, pieces("110"));
    {
      Offers leaves(steering, pieces("000"));
      while (leaves.next()) {
      }
    }
    Offers comes(steering, pieces("000"));
    CHECK(comes.next() == PieceIndex(2));
  }

  TEST_CASE("many leechers at once are offered everything") {
    constexpr std::uint32_t kPieces = 500;
    SeedSteering steering(kPieces, 1);
    std::vector<std::uint32_t> got(4, 0);
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        Offers leecher(steering, Bitfield(kPieces));
        while (const auto piece = leecher.next()) {
          leecher.settled(*piece);
          ++got[t];
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::uint32_t count : got) CHECK(count == kPieces);
  }
}

}  // namespace
}  // namespace piecework::peer
