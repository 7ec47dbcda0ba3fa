#include "common/file_layout.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace piecework {
namespace {

// "file:offset+length …"
std::string segments(const FileLayout& layout, std::uint64_t offset, std::uint64_t length) {
  std::string text;
  layout.for_each_segment(offset, length, [&](const FileLayout::Segment& part) {
    text += (text.empty() ? "" : " ") + std::to_string(part.file) + ":" +
            std::to_string(part.offset) + "+" + std::to_string(part.length);
  });
  return text;
}

TEST_SUITE("file_layout") {
  TEST_CASE("a single file is one segment, wherever it is cut") {
    const FileLayout layout({13});
    CHECK(layout.count() == 1);
    CHECK(layout.total() == 13);
    CHECK(segments(layout, 0, 5) == "0:0+5");
    CHECK(segments(layout, 10, 3) == "0:10+3");
    CHECK(segments(layout, 0, 13) == "0:0+13");
  }

  TEST_CASE("a stretch that crosses files is cut where they end") {
    const FileLayout layout({3, 4, 5});
    CHECK(segments(layout, 0, 12) == "0:0+3 1:0+4 2:0+5");
    CHECK(segments(layout, 2, 2) == "0:2+1 1:0+1");
    CHECK(segments(layout, 3, 4) == "1:0+4");
    CHECK(segments(layout, 6, 2) == "1:3+1 2:0+1");
    CHECK(layout.offset(0) == 0);
    CHECK(layout.offset(2) == 7);
    CHECK(layout.length(1) == 4);
  }

  TEST_CASE("files without bytes have no segment, first, last or between others") {
    const FileLayout layout({0, 0, 2, 0, 3, 0});
    CHECK(segments(layout, 0, 5) == "2:0+2 4:0+3");
    CHECK(segments(layout, 1, 2) == "2:1+1 4:0+1");
    CHECK(layout.length(3) == 0);
    CHECK(layout.offset(3) == 2);
  }

  TEST_CASE("nothing lies behind the end, in a stretch of nothing, or in no files") {
    const FileLayout layout({3, 4});
    CHECK(segments(layout, 7, 1).empty());
    CHECK(segments(layout, std::numeric_limits<std::uint64_t>::max(), 1).empty());
    CHECK(segments(layout, 2, 0).empty());
    CHECK(segments(layout, 5, 100) == "1:2+2");
    CHECK(segments(FileLayout({0, 0}), 0, 1).empty());
    CHECK(FileLayout({0, 0}).total() == 0);
    CHECK(segments(FileLayout(), 0, 1).empty());
    CHECK(FileLayout().total() == 0);
  }

  TEST_CASE("the largest lengths are exact") {
    constexpr std::uint64_t kHalf = std::uint64_t{1} << 62;
    const FileLayout layout({kHalf, kHalf - 1});
    CHECK(segments(layout, kHalf - 1, 2) == "0:" + std::to_string(kHalf - 1) + "+1 1:0+1");
    CHECK(layout.total() == 2 * kHalf - 1);
  }

  TEST_CASE("every byte of every stretch is in exactly one place") {
    const std::vector<std::uint64_t> lengths = {0, 1, 0, 5, 2, 0, 0, 7, 1};
    const FileLayout layout(lengths);
    std::vector<FileLayout::Segment> bytes;
    for (std::uint32_t file = 0; file < lengths.size(); ++file) {
      for (std::uint64_t i = 0; i < lengths[file]; ++i) bytes.push_back({file, i, 1});
    }
    for (std::uint64_t from = 0; from < bytes.size(); ++from) {
      for (std::uint64_t length = 1; from + length <= bytes.size(); ++length) {
        std::uint64_t at = from;
        layout.for_each_segment(from, length, [&](const FileLayout::Segment& part) {
          for (std::uint64_t i = 0; i < part.length; ++i) {
            const FileLayout::Segment expected{part.file, part.offset + i, 1};
            CHECK(bytes[at++] == expected);
          }
        });
        CHECK(at == from + length);
      }
    }
  }
}

}  // namespace
}  // namespace piecework
