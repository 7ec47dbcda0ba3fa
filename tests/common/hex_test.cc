#include "common/hex.h"

#include <doctest/doctest.h>

#include <array>

namespace piecework {
namespace {

TEST_SUITE("hex") {
  TEST_CASE("bytes are written in lower case and read in either case") {
    std::array<std::byte, 3> bytes{std::byte{0x00}, std::byte{0x9f}, std::byte{0xff}};
    CHECK(to_hex(bytes) == "009fff");
    std::array<std::byte, 3> read{};
    CHECK(parse_hex("009fFF", read));
    CHECK(read == bytes);
    CHECK(to_hex({}).empty());
    CHECK(parse_hex("", {}));
  }

  TEST_CASE("anything but two digits a byte is refused") {
    std::array<std::byte, 2> out{};
    for (const char* text : {"", "0", "000", "00000", "00 0", "0x00", "00g0", "000/",
                             "000:", "000@", "000`", "-100", "+100"}) {
      CAPTURE(text);
      CHECK(!parse_hex(text, out));
    }
  }
}

}  // namespace
}  // namespace piecework
