#include "peer/piece_doubts.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/pieces.h"

namespace piecework::peer {
namespace {

// Files as letters: L as left, W written, ? unknown, - nothing; the files that `with_data` names by
// their index have data wherever they are asked.
std::string judged(const std::vector<std::uint64_t>& lengths, std::string_view found,
                   std::string_view verified, const std::string& with_data = "") {
  const FileLayout files(lengths);
  std::vector<FoundFile> states;
  for (const char c : found) {
    states.push_back(c == 'L'   ? FoundFile::kAsLeft
                     : c == 'W' ? FoundFile::kWritten
                     : c == '?' ? FoundFile::kUnknown
                                : FoundFile::kNothing);
  }
  const PieceDoubts doubts =
      judge_pieces(PieceLayout(files.total(), 10), files, states, pieces(verified),
                   [&](const FileLayout::Segment& part) {
                     return with_data.find(std::to_string(part.file)) != std::string::npos;
                   });
  return to_text(doubts.trusted) + " " + to_text(doubts.in_doubt);
}

TEST_SUITE("piece_doubts") {
  TEST_CASE("of one file, what is remembered counts as long as it is the same") {
    CHECK(judged({35}, "L", "1010") == "1010 0000");
    CHECK(judged({35}, "W", "1010") == "1010 0000");
    CHECK(judged({35}, "W", "1010", "0") == "1010 0101");
    CHECK(judged({35}, "?", "1010") == "0000 1111");
    CHECK(judged({35}, "-", "1010") == "0000 0000");
  }

  TEST_CASE("a file that changed puts its own pieces in doubt, with those that it shares") {
    CHECK(judged({15, 10, 15}, "L?L", "1111") == "1001 0110");
    CHECK(judged({15, 10, 15}, "?LL", "1111") == "0011 1100");
    CHECK(judged({10, 10, 20}, "L?L", "1111") == "1011 0100");
    CHECK(judged({15, 10, 15}, "L?L", "0000") == "0000 0110");
  }

  TEST_CASE("a file that is gone takes its pieces with it, and nothing of them is hashed") {
    CHECK(judged({15, 10, 15}, "L-L", "1111") == "1001 0000");
    CHECK(judged({15, 10, 15}, "?-?", "1111") == "0000 1001");
  }

  TEST_CASE("a file without bytes says nothing about any piece") {
    CHECK(judged({15, 0, 15}, "L-L", "111") == "111 000");
    CHECK(judged({0, 10}, "?L", "1") == "1 0");
    CHECK(judged({0, 0}, "-?", "") == " ");
  }

  TEST_CASE("a piece may have come since if any of its files has data that is not accounted for") {
    CHECK(judged({15, 10, 15}, "WWW", "0000", "1") == "0000 0110");
    CHECK(judged({15, 10, 15}, "WWW", "0100", "1") == "0100 0010");
    CHECK(judged({15, 10, 15}, "LWL", "1000", "") == "1000 0000");
  }
}

}  // namespace
}  // namespace piecework::peer
