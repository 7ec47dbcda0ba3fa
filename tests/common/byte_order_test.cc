#include "common/byte_order.h"

#include <doctest/doctest.h>

#include <vector>

namespace piecework {
namespace {

template <typename T>
std::vector<int> stored(T value) {
  std::array<std::byte, sizeof(T)> bytes{};
  store_be<T>(bytes, value);
  std::vector<int> numbers;
  numbers.reserve(bytes.size());
  for (const std::byte b : bytes) numbers.push_back(std::to_integer<int>(b));
  return numbers;
}

template <typename T>
T round_trip(T value) {
  std::array<std::byte, sizeof(T)> bytes{};
  store_be<T>(bytes, value);
  return load_be<T>(bytes);
}

TEST_SUITE("byte_order") {
  TEST_CASE("the most significant byte comes first") {
    CHECK(stored<std::uint8_t>(0xab) == std::vector{0xab});
    CHECK(stored<std::uint16_t>(0x0102) == std::vector{1, 2});
    CHECK(stored<std::uint32_t>(258) == std::vector{0, 0, 1, 2});
    CHECK(stored<std::uint64_t>(0x0102030405060708) == std::vector{1, 2, 3, 4, 5, 6, 7, 8});
  }

  TEST_CASE("every boundary comes back as it was") {
    for (const std::uint64_t value :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x7f}, std::uint64_t{0x80},
          std::uint64_t{0xff}, std::uint64_t{0x100}, std::uint64_t{0x7fffffff},
          std::uint64_t{0x80000000}, std::uint64_t{0xffffffff}, std::uint64_t{0x100000000},
          std::uint64_t{0x7fffffffffffffff}, std::uint64_t{0x8000000000000000},
          std::uint64_t{0xffffffffffffffff}}) {
      CAPTURE(value);
      CHECK(round_trip<std::uint64_t>(value) == value);
      CHECK(round_trip(static_cast<std::uint32_t>(value)) == static_cast<std::uint32_t>(value));
      CHECK(round_trip(static_cast<std::uint16_t>(value)) == static_cast<std::uint16_t>(value));
      CHECK(round_trip(static_cast<std::uint8_t>(value)) == static_cast<std::uint8_t>(value));
    }
  }

  TEST_CASE("an offset touches its own bytes and no other") {
    std::array<std::byte, 8> bytes;
    bytes.fill(std::byte{0xee});
    store_be_at<std::uint32_t>(bytes, 3, 0x01020304);
    CHECK(load_be_at<std::uint32_t>(bytes, 3) == 0x01020304);
    CHECK(load_be<std::uint64_t>(bytes) == 0xeeeeee01020304ee);
    CHECK(load_be_at<std::uint16_t>(bytes, 6) == 0x04ee);
  }

  TEST_CASE("it works at compile time") {
    constexpr auto value = [] {
      std::array<std::byte, 2> bytes{};
      store_be<std::uint16_t>(bytes, 0x1234);
      return load_be<std::uint16_t>(bytes);
    }();
    static_assert(value == 0x1234);
  }
}

}  // namespace
}  // namespace piecework
