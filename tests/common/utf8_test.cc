#include "common/utf8.h"

#include <doctest/doctest.h>

#include <string_view>

namespace piecework {
namespace {

TEST_SUITE("utf8") {
  TEST_CASE("well-formed characters have one to four bytes") {
    CHECK(utf8_prefix("a") == 1);
    CHECK(utf8_prefix(std::string_view("\0", 1)) == 1);
    CHECK(utf8_prefix("\x7f") == 1);
    CHECK(utf8_prefix("\xc2\x80") == 2);
    CHECK(utf8_prefix("\xdf\xbf") == 2);
    CHECK(utf8_prefix("\xe0\xa0\x80") == 3);
    CHECK(utf8_prefix("\xef\xbf\xbf") == 3);
    CHECK(utf8_prefix("\xf0\x90\x80\x80") == 4);
    CHECK(utf8_prefix("\xf4\x8f\xbf\xbf") == 4);
    CHECK(utf8_prefix("\xc3\xa9 and more") == 2);
  }

  TEST_CASE("what RFC 3629 forbids is refused") {
    for (const std::string_view bad : {
             "",
             "\x80",  // a continuation byte alone
             "\xbf",
             "\xc3",  // cut off
             "\xe2\x82",
             "\xf0\x9f\x98",
             "\xc3(",  // no continuation byte
             "\xe2\x82(",
             "\xc0\x80",  // overlong
             "\xc1\xbf",
             "\xe0\x9f\xbf",
             "\xf0\x8f\xbf\xbf",
             "\xed\xa0\x80",  // surrogates
             "\xed\xbf\xbf",
             "\xf4\x90\x80\x80",  // past U+10FFFF
             "\xf5\x80\x80\x80",
             "\xf8\x88\x80\x80\x80",
             "\xfe",
             "\xff",
         }) {
      CAPTURE(bad.size());
      CHECK(utf8_prefix(bad) == 0);
      CHECK(is_utf8(bad) == bad.empty());
    }
  }

  TEST_CASE("characters that mislead a terminal are well-formed but not printable") {
    for (const std::string_view control :
         {"\n", "\x1b", "\x7f", "\xc2\x80", "\xc2\x9f", "\xe2\x80\xa8", "\xe2\x80\xa9",
          "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\x8f"}) {
      CHECK(utf8_prefix(control) == control.size());
      CHECK(utf8_printable_prefix(control) == 0);
    }
    CHECK(utf8_printable_prefix(" ") == 1);
    CHECK(utf8_printable_prefix("\xc2\xa0") == 2);
    CHECK(utf8_printable_prefix("\xff") == 0);
    CHECK(utf8_printable_prefix("") == 0);
  }

  TEST_CASE("a text is UTF-8 when all of it is") {
    CHECK(is_utf8("plain"));
    CHECK(is_utf8("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    CHECK_FALSE(is_utf8("ends badly \xc3"));
    CHECK_FALSE(is_utf8("\xff starts badly"));
  }
}

}  // namespace
}  // namespace piecework
