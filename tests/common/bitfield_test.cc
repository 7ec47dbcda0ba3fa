#include "common/bitfield.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "common/errors.h"

namespace piecework {
namespace {

std::vector<std::byte> wire(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST_SUITE("bitfield") {
  TEST_CASE("the wire has one byte a piece") {
    const Bitfield pieces = Bitfield::from_wire(wire({1, 0, 0, 1}));
    CHECK(pieces.size() == 4);
    CHECK(pieces.held() == 2);
    CHECK(pieces.has(PieceIndex(0)));
    CHECK_FALSE(pieces.has(PieceIndex(1)));
    CHECK(pieces.has(PieceIndex(3)));
    std::vector<std::byte> out(4, std::byte{0xee});
    pieces.to_wire(out);
    CHECK(out == wire({1, 0, 0, 1}));
  }

  TEST_CASE("a byte above 1 is refused, naming it") {
    const struct {
      std::vector<std::byte> bytes;
      const char* error;
    } kCases[] = {
        {wire({2}), "bad_bitfield piece=0 byte=2"},
        {wire({1, 0, 255}), "bad_bitfield piece=2 byte=255"},
        {wire({0, 0x80, 3}), "bad_bitfield piece=1 byte=128"},
        {wire({'1', '0'}), "bad_bitfield piece=0 byte=49"},
    };
    for (const auto& c : kCases) {
      CHECK_THROWS_WITH_AS(Bitfield::from_wire(c.bytes), c.error, ProtocolError);
    }
  }

  TEST_CASE("no pieces at all are complete") {
    CHECK(Bitfield().complete());
    CHECK(Bitfield(0, true).complete());
    CHECK(Bitfield::from_wire({}) == Bitfield());
    CHECK(Bitfield().held_bytes(PieceLayout(0, 5)) == 0);
  }

  TEST_CASE("setting says whether it changed something") {
    Bitfield pieces(3);
    CHECK(pieces.held() == 0);
    CHECK(pieces.set(PieceIndex(1)));
    CHECK_FALSE(pieces.set(PieceIndex(1)));
    CHECK(pieces.held() == 1);
    CHECK_FALSE(pieces == Bitfield(3));
    for (PieceIndex piece; piece.value() < 3; ++piece) pieces.set(piece);
    CHECK(pieces.complete());
    CHECK(pieces == Bitfield(3, true));
    CHECK(pieces != Bitfield(4, true));
  }

  TEST_CASE("held bytes know the short last piece") {
    const PieceLayout layout(13, 5);
    Bitfield pieces(layout.count());
    CHECK(pieces.held_bytes(layout) == 0);
    pieces.set(PieceIndex(2));
    CHECK(pieces.held_bytes(layout) == 3);
    pieces.set(PieceIndex(0));
    CHECK(pieces.held_bytes(layout) == 8);
    CHECK(Bitfield(3, true).held_bytes(layout) == 13);
    CHECK(Bitfield(2, true).held_bytes(PieceLayout(10, 5)) == 10);
    const PieceLayout huge((std::uint64_t{1} << 45) + 1, 64U << 20);
    CHECK(Bitfield(huge.count(), true).held_bytes(huge) == huge.file_length());
  }

  TEST_CASE("what one holds and the other lacks is counted") {
    const Bitfield mine = Bitfield::from_wire(wire({1, 1, 0, 0, 1}));
    const Bitfield other = Bitfield::from_wire(wire({0, 1, 1, 0, 0}));
    CHECK(mine.count_missing_in(other) == 2);
    CHECK(other.count_missing_in(mine) == 1);
    CHECK(mine.count_missing_in(mine) == 0);
    CHECK(Bitfield(5, true).count_missing_in(Bitfield(5)) == 5);
  }

  TEST_CASE("random bitfields come back from the wire as they were") {
    std::mt19937 random(1);
    for (std::uint32_t size = 0; size < 200; ++size) {
      Bitfield pieces(size);
      for (PieceIndex piece; piece.value() < size; ++piece) {
        if (random() % 2 == 0) pieces.set(piece);
      }
      std::vector<std::byte> bytes(size);
      pieces.to_wire(bytes);
      CHECK(Bitfield::from_wire(bytes) == pieces);
    }
  }
}

}  // namespace
}  // namespace piecework
