#include "common/columns.h"

#include <doctest/doctest.h>

#include <string>

namespace piecework {
namespace {

TEST_SUITE("columns") {
  TEST_CASE("characters take one column, two, or none") {
    const struct {
      const char* text;
      std::size_t columns;
    } kCases[] = {
        {"", 0},
        {"video.mp4", 9},
        {"Größe", 5},
        {"e\u0301te\u0301", 3},  // with combining accents
        {"映画", 4},
        {"\U0001F3AC", 2},
        {"a\xff\xfe", 3},  // no UTF-8
        {"\xe6\x98", 2},   // cut off
        {"a映\xc3\xb6", 4},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.text);
      CHECK(display_columns(c.text) == c.columns);
    }
  }

  TEST_CASE("what fits is never half a character") {
    CHECK(fit_columns("video", 0).empty());
    CHECK(fit_columns("video", 3) == "vid");
    CHECK(fit_columns("video", 5) == "video");
    CHECK(fit_columns("video", 50) == "video");
    CHECK(fit_columns("映画", 1).empty());
    CHECK(fit_columns("映画", 3) == "映");
    CHECK(fit_columns("e\u0301te\u0301", 1) == "e\u0301");
    CHECK(fit_columns("a\xff"
                      "b",
                      2) == "a\xff");
  }

  TEST_CASE("a text that is cut ends in an ellipsis, within the columns") {
    CHECK(cut_to_columns("video.mp4", 9) == "video.mp4");
    CHECK(cut_to_columns("video.mp4", 8) == "video.m…");
    CHECK(cut_to_columns("video.mp4", 1) == "…");
    CHECK(cut_to_columns("video.mp4", 0).empty());
    CHECK(cut_to_columns("", 0).empty());
    CHECK(cut_to_columns("映画館", 6) == "映画館");
    CHECK(cut_to_columns("映画館", 5) == "映画…");
    CHECK(cut_to_columns("映画館", 4) == "映…");
  }

  TEST_CASE("padding counts columns, and shortens nothing") {
    CHECK(pad_right("映", 4) == "映  ");
    CHECK(pad_left("ö", 3) == "  ö");
    CHECK(pad_right("video", 3) == "video");
    CHECK(pad_left("video", 0) == "video");
  }
}

}  // namespace
}  // namespace piecework
