#include "common/python_repr.h"

#include <doctest/doctest.h>

#include <vector>

#include "common/hex.h"

namespace piecework {
namespace {

struct Vector {
  std::string_view hex;
  std::string_view repr;
};

// Printed by Python 3.
const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = {
      {"", R"v(b'')v"},
      {"a54dca182530bb1d6d132cded6237b2ed91e3f72",
       R"v(b'\xa5M\xca\x18%0\xbb\x1dm\x13,\xde\xd6#{.\xd9\x1e?r')v"},
      {"1fcb1971174494d6493c9d5c3460be31201e69fe",
       R"v(b'\x1f\xcb\x19q\x17D\x94\xd6I<\x9d\\4`\xbe1 \x1ei\xfe')v"},
      {"daa0eee8b9997f5c7c2999fdafe593253cd654af",
       R"v(b'\xda\xa0\xee\xe8\xb9\x99\x7f\\|)\x99\xfd\xaf\xe5\x93%<\xd6T\xaf')v"},
      {"69742773000000", R"v(b"it's\x00\x00\x00")v"},
      {"73617920227822", R"v(b'say "x"')v"},
      {"6974277320227822", R"v(b'it\'s "x"')v"},
      {"000102030405060708090a0b0c0d0e0f10111213",
       R"v(b'\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13')v"},
      {"1415161718191a1b1c1d1e1f2021222324252627",
       R"v(b'\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"#$%&\'')v"},
      {"5c5c5c", R"v(b'\\\\\\')v"},
      {"090a0d0b0c7f80ff207e", R"v(b'\t\n\r\x0b\x0c\x7f\x80\xff ~')v"},
      {"27272727", R"v(b"''''")v"},
      {"22222222", R"v(b'""""')v"},
      {"62276227", R"v(b"b'b'")v"},
  };
  return all;
}

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  REQUIRE(parse_hex(hex, bytes));
  return bytes;
}

TEST_SUITE("python_repr") {
  TEST_CASE("bytes are written as Python writes them and read back") {
    for (const Vector& vector : vectors()) {
      CAPTURE(vector.repr);
      const std::vector<std::byte> bytes = from_hex(vector.hex);
      CHECK(python_repr(bytes) == vector.repr);
      std::vector<std::byte> read(bytes.size());
      CHECK(parse_python_repr(vector.repr, read));
      CHECK(read == bytes);
    }
  }

  TEST_CASE("every single byte comes back") {
    for (unsigned value = 0; value < 256; ++value) {
      const std::byte byte = static_cast<std::byte>(value);
      std::byte read{};
      CHECK(parse_python_repr(python_repr({&byte, 1}), {&read, 1}));
      CHECK(read == byte);
    }
  }

  TEST_CASE("every cut of a good text is refused") {
    for (const Vector& vector : vectors()) {
      std::vector<std::byte> out(vector.hex.size() / 2);
      for (std::size_t length = 0; length < vector.repr.size(); ++length) {
        CHECK(!parse_python_repr(vector.repr.substr(0, length), out));
      }
    }
  }

  TEST_CASE("what Python would not have printed is refused") {
    using namespace std::string_view_literals;
    struct Case {
      std::string_view text;
      std::size_t bytes;
    };
    const std::vector<Case> cases = {
        {"", 0},           {"b", 0},
        {"b'", 0},         {"'a'", 1},
        {"B'a'", 1},       {"b\"a\"", 1},
        {"b'a\"", 1},      {"b\"a'", 1},
        {"b'a", 1},        {"b'a'", 0},
        {"b'a'", 2},       {"b'a' ", 1},
        {" b'a'", 1},      {"b'a'b", 1},
        {"b'a'x'", 1},     {R"(b'\x41')", 1},
        {R"(b'\xFF')", 1}, {R"(b'\xfg')", 1},
        {R"(b'\xf')", 1},  {R"(b'\x')", 1},
        {R"(b'\')", 1},    {R"(b'\\\')", 2},
        {R"(b'\a')", 1},   {R"(b'\0')", 1},
        {R"(b'\377')", 1}, {R"(b'\x09')", 1},
        {R"(b'\x0a')", 1}, {R"(b'\x0d')", 1},
        {R"(b'\x5c')", 1}, {R"(b'\x27')", 1},
        {R"(b'\'')", 1},   {R"(b''')", 1},
        {R"(b'\"')", 1},   {R"(b"\"")", 1},
        {R"(b"\"'")", 2},  {R"(b"'"")", 2},
        {R"(b"\'")", 1},   {R"(b'\u0041')", 1},
        {"b'\t'", 1},      {"b'\n'", 1},
        {"b'\x7f'", 1},    {"b'\xff'", 1},
        {"b'\0'"sv, 1},    {"b'\xc3\xa9'", 2},
        {"rb'a'", 1},      {"b'''a'''", 1},
        {"b'a' b'b'", 2},
    };
    for (const Case& c : cases) {
      CAPTURE(c.text);
      std::vector<std::byte> out(c.bytes);
      CHECK(!parse_python_repr(c.text, out));
    }
  }
}

}  // namespace
}  // namespace piecework
