#include "common/printable.h"

#include <doctest/doctest.h>

namespace piecework {
namespace {

TEST_SUITE("printable") {
  TEST_CASE("ordinary text stays as it is") {
    CHECK(printable("").empty());
    CHECK(printable("a b's \"c\" \xc3\xa9 \xf0\x9f\x98\x80") ==
          "a b's \"c\" \xc3\xa9 \xf0\x9f\x98\x80");
  }

  TEST_CASE("what would move the cursor or forge a line is spelled out") {
    using namespace std::string_view_literals;
    CHECK(printable("a\nb\r\t\\") == "a\\nb\\r\\t\\\\");
    CHECK(printable("\x1b[2J\x07\x7f"sv) == "\\x1b[2J\\x07\\x7f");
    CHECK(printable("\0"sv) == "\\x00");
    CHECK(printable("\xff\xc3") == "\\xff\\xc3");
    CHECK(printable("\xe2\x80\xaegpj.exe") == "\\xe2\\x80\\xaegpj.exe");
  }
}

}  // namespace
}  // namespace piecework
