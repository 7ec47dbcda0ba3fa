#include "peer/request_window.h"

#include <doctest/doctest.h>

#include <deque>

namespace piecework::peer {
namespace {

constexpr std::uint32_t kKiB = 1 << 10;
constexpr std::uint32_t kMiB = 1 << 20;

// Many small pieces left, and a seeder to ask for them.
struct Rig {
  explicit Rig(const PieceLayout& which = PieceLayout(std::uint64_t{200} * 16 * kKiB, 16 * kKiB))
      : layout(which), left(Bitfield(layout.count()), 1), seeder{Bitfield(layout.count(), true)} {
    left.peer_joined(seeder);
  }

  // Asks until the window is full or nothing is left; returns how many times.
  std::size_t fill(RequestWindow& window) {
    std::size_t asked = 0;
    while (!window.full()) {
      auto claim = left.claim(seeder, {}, now, LeftPieces::kNoEndgame);
      if (!claim) break;
      outstanding.push_back(claim->piece());
      window.asked(std::move(*claim), now);
      ++asked;
    }
    return asked;
  }
  // `count` pieces come, one in each `interval`, and are asked for anew. Returns how many are
  // outstanding then.
  std::size_t speed(RequestWindow& window, std::uint32_t bytes, milliseconds interval, int count) {
    for (int i = 0; i < count; ++i) {
      fill(window);
      now += interval;
      const PieceIndex piece = outstanding.front();
      outstanding.pop_front();
      CHECK(window.take(piece));
      left.complete(piece);
      window.delivered(bytes, now);
    }
    fill(window);
    return outstanding.size();
  }

  std::deque<PieceIndex> outstanding;  // oldest first
  TimePoint now{std::chrono::hours(1)};
  PieceLayout layout;
  LeftPieces left;
  PeerPieces seeder;
};

TEST_SUITE("request_window") {
  TEST_CASE("a few pieces are asked for until it is known how fast the peer is") {
    for (const std::uint32_t piece_length : {1U, 64 * kKiB, kMiB}) {
      Rig rig(PieceLayout(std::uint64_t{piece_length} * 100, piece_length));
      RequestWindow window(rig.layout, 256);
      CHECK(rig.fill(window) == 4);
    }
    Rig rig(PieceLayout(std::uint64_t{kMiB} * 1000, 10 * kMiB));
    RequestWindow window(rig.layout, 256);
    CHECK(rig.fill(window) == 2);
  }

  TEST_CASE("a fast peer is soon asked for 4 MiB ahead, but at least 2 pieces and at most 64") {
    const struct {
      std::uint32_t piece_length;
      std::size_t requests;
    } kCases[] = {{1, 64},   {64 * kKiB, 64}, {65 * kKiB, 63}, {256 * kKiB, 16},
                  {kMiB, 4}, {2 * kMiB, 2},   {3 * kMiB, 2},   {64 * kMiB, 2}};
    for (const auto& c : kCases) {
      CAPTURE(c.piece_length);
      Rig rig(PieceLayout(std::uint64_t{c.piece_length} * 1000, c.piece_length));
      RequestWindow window(rig.layout, 256);
      CHECK(rig.speed(window, c.piece_length, milliseconds(0), 200) == c.requests);
    }
  }

  TEST_CASE("as much is asked ahead as the peer sends in 0.15 s") {
    Rig rig(PieceLayout(std::uint64_t{1000} * 64 * kKiB, 64 * kKiB));
    RequestWindow window(rig.layout, 256);
    // 64 KiB in 10 ms is 15 times that in 0.15 s.
    CHECK(rig.speed(window, 64 * kKiB, milliseconds(10), 100) == 15);
    CHECK(rig.speed(window, 64 * kKiB, milliseconds(50), 100) == 3);
    CHECK(rig.speed(window, 64 * kKiB, seconds(2), 5) == 2);
    CHECK(rig.speed(window, 64 * kKiB, milliseconds(10), 100) == 15);
  }

  TEST_CASE("the time in which nothing was asked for does not count") {
    Rig rig(PieceLayout(std::uint64_t{1000} * 64 * kKiB, 64 * kKiB));
    RequestWindow window(rig.layout, 256);
    CHECK(rig.speed(window, 64 * kKiB, milliseconds(10), 100) == 15);
    window.take_all();
    rig.outstanding.clear();
    rig.now += seconds(100);
    CHECK(rig.speed(window, 64 * kKiB, milliseconds(10), 9) == 15);
  }

  TEST_CASE("no more is asked than the peer accepts") {
    for (const std::uint32_t accepts : {1U, 2U, 17U, 64U}) {
      Rig rig;
      RequestWindow window(rig.layout, accepts);
      CHECK(rig.speed(window, 16 * kKiB, milliseconds(0), 100) == accepts);
    }
  }

  TEST_CASE("a piece taken makes room for another") {
    Rig rig;
    RequestWindow window(rig.layout, 2);
    CHECK(window.idle());
    rig.fill(window);
    CHECK_FALSE(window.idle());
    PieceIndex piece;
    while (!window.was_ever_asked(piece)) ++piece;
    auto claim = window.take(piece);
    REQUIRE(claim);
    CHECK(claim->piece() == piece);
    CHECK_FALSE(window.full());
    CHECK_FALSE(window.take(piece));
    CHECK(window.was_ever_asked(piece));
    CHECK(rig.fill(window) == 1);
  }

  TEST_CASE("what was never asked is not taken") {
    Rig rig(PieceLayout(3, 1));
    RequestWindow window(rig.layout, 2);
    rig.fill(window);
    int asked = 0;
    for (PieceIndex piece; piece < rig.layout.end(); ++piece) {
      const bool was = window.was_ever_asked(piece);
      asked += was ? 1 : 0;
      CHECK(window.take(piece).has_value() == was);
    }
    CHECK(asked == 2);
    CHECK(window.idle());
  }

  TEST_CASE("taking all gives the claims, and dropping them gives the pieces back") {
    Rig rig(PieceLayout(3, 1));
    RequestWindow window(rig.layout, 256);
    CHECK(rig.fill(window) == 3);
    CHECK(rig.left.none_left());
    {
      const auto claims = window.take_all();
      CHECK(claims.size() == 3);
      CHECK(window.idle());
      CHECK(window.take_all().empty());
      CHECK(rig.left.none_left());
    }
    CHECK_FALSE(rig.left.none_left());
    CHECK(rig.fill(window) == 3);
  }

  TEST_CASE("a window that goes gives everything back") {
    Rig rig(PieceLayout(4, 1));
    {
      RequestWindow window(rig.layout, 256);
      rig.fill(window);
      CHECK(rig.left.none_left());
    }
    RequestWindow window(rig.layout, 256);
    CHECK(rig.fill(window) == 4);
  }
}

}  // namespace
}  // namespace piecework::peer
