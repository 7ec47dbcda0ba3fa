#include "common/fields.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace piecework {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

TEST_SUITE("fields") {
  TEST_CASE("plain values stand as they are and others are quoted and escaped") {
    const struct {
      std::string_view value;
      std::string_view printed;
    } kCases[] = {
        {"video.mp4", "video.mp4"},
        {"[::1]:6666", "[::1]:6666"},
        {"", R"("")"},
        {"two words", R"("two words")"},
        {"a=b", R"("a=b")"},
        {R"(say "hi")", R"("say \"hi\"")"},
        {R"(back\slash)", R"("back\\slash")"},
        {"\"", R"("\"")"},
        {"\\", R"("\\")"},
        {"x\ny", R"("x\ny")"},
        {"x\ry", R"("x\ry")"},
        {"x\ty", R"("x\ty")"},
        {std::string_view("x\0y", 3), R"("x\x00y")"},
        {"\x1b[31m", R"("\x1b[31m")"},
        {"\x7f", R"("\x7f")"},
        {"\xc3\xa9t\xc3\xa9", "\"\xc3\xa9t\xc3\xa9\""},
        {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
        {"\xc2\x85", R"("\xc2\x85")"},          // NEL: a line end to some terminals
        {"\xe2\x80\xa8", R"("\xe2\x80\xa8")"},  // line separator
        {"\xe2\x80\xae", R"("\xe2\x80\xae")"},  // right-to-left override
        {"\xff\xfe", R"("\xff\xfe")"},          // not UTF-8
        {"\xc3", R"("\xc3")"},                  // cut off
        {"\xc0\x8a", R"("\xc0\x8a")"},          // an overlong line feed
        {"\xed\xa0\x80", R"("\xed\xa0\x80")"},  // a surrogate
    };
    for (const auto& c : kCases) {
      CAPTURE(c.printed);
      CHECK(escaped(c.value) == c.printed);
    }
  }

  TEST_CASE("no byte string can end its line, leave its quotes or forge a key") {
    for (int first = 0; first < 256; ++first) {
      for (const std::string_view rest : {"", " forged=1", "\" forged=1", "\\\" forged=1", "\n"}) {
        const std::string text =
            escaped(std::string(1, static_cast<char>(first)) + std::string(rest));
        CAPTURE(text);
        for (const char c : text) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
        if (!text.starts_with('"')) {
          CHECK(text.find_first_of(" =\"\\") == std::string::npos);
          continue;
        }
        // The only quote that is not escaped is the last character.
        std::size_t at = 1;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        CHECK(at == text.size() - 1);
      }
    }
  }

  TEST_CASE("fields are joined by spaces in their order") {
    CHECK(format_fields({}).empty());
    CHECK(format_fields({{"b", 1}, {"a", "x y"}, {"c", std::string("z")}}) == R"(b=1 a="x y" c=z)");
  }

  TEST_CASE("integers of any width print exactly") {
    CHECK(format_fields({{"n", std::numeric_limits<std::uint64_t>::max()},
                         {"m", std::numeric_limits<std::int64_t>::min()}}) ==
          "n=18446744073709551615 m=-9223372036854775808");
  }
}

}  // namespace
}  // namespace piecework
