#include "common/piece_layout.h"

#include <doctest/doctest.h>

namespace piecework {
namespace {

TEST_SUITE("piece_layout") {
  TEST_CASE("the last piece is what is left") {
    const struct {
      std::uint64_t file_length;
      std::uint32_t piece_length;
      std::uint32_t count;
      std::uint32_t last_length;
    } kCases[] = {
        {1, 1, 1, 1},
        {1, 64U << 20, 1, 1},
        {13, 5, 3, 3},
        {15, 5, 3, 5},
        {16, 5, 4, 1},
        {5, 5, 1, 5},
        {(1ULL << 32) + 1, 1 << 20, 4097, 1},
        {(1ULL << 32) - 1, 1, 4294967295U, 1},
        {64ULL << 40, 64U << 20, 1U << 20, 64U << 20},
        {(1ULL << 63) + 7, 0xffffffffU, 2147483649U, 2147483655U},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.file_length);
      CAPTURE(c.piece_length);
      const PieceLayout layout(c.file_length, c.piece_length);
      CHECK(layout.count() == c.count);
      CHECK(layout.end() == PieceIndex(c.count));
      const PieceIndex last(c.count - 1);
      CHECK(layout.contains(last));
      CHECK_FALSE(layout.contains(layout.end()));
      CHECK(layout.length(last) == c.last_length);
      CHECK(layout.offset(last) + layout.length(last) == c.file_length);
      if (c.count > 1) CHECK(layout.length(PieceIndex(c.count - 2)) == c.piece_length);
    }
  }

  TEST_CASE("pieces lie end to end and cover the file") {
    for (std::uint64_t file_length = 0; file_length < 40; ++file_length) {
      for (std::uint32_t piece_length = 1; piece_length < 12; ++piece_length) {
        const PieceLayout layout(file_length, piece_length);
        std::uint64_t covered = 0;
        for (PieceIndex piece; piece < layout.end(); ++piece) {
          CHECK(layout.offset(piece) == covered);
          covered += layout.length(piece);
        }
        CHECK(covered == file_length);
      }
    }
  }

  TEST_CASE("an empty file has no pieces") {
    CHECK(PieceLayout(0, 5).count() == 0);
    CHECK_FALSE(PieceLayout(0, 5).contains(PieceIndex(0)));
    CHECK(PieceLayout().count() == 0);
  }

  TEST_CASE("it works at compile time") {
    static_assert(PieceLayout(13, 5).length(PieceIndex(2)) == 3);
    static_assert(PieceIndex(1) < PieceIndex(2));
  }
}

}  // namespace
}  // namespace piecework
