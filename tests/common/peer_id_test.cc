#include "common/peer_id.h"

#include <doctest/doctest.h>

#include <string>

namespace piecework {
namespace {

TEST_SUITE("peer_id") {
  TEST_CASE("up to 64 printable characters of ASCII, blanks among them, are a peer_id") {
    for (const std::string& text :
         {std::string("x"), std::string("127.0.0.1:5555"), std::string("a b"), std::string(" "),
          std::string("~"), std::string(64, 'x')}) {
      CAPTURE(text);
      CHECK(is_peer_id(text));
    }
  }

  TEST_CASE("anything else is none") {
    for (const std::string& text :
         {std::string(), std::string(65, 'x'), std::string("a\n"), std::string("\t"),
          std::string("\x1f"), std::string("\x7f"), std::string("\xc3\xa4"), std::string("a\0b", 3),
          std::string("\xff")}) {
      CAPTURE(text);
      CHECK_FALSE(is_peer_id(text));
    }
  }
}

}  // namespace
}  // namespace piecework
