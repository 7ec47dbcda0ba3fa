// Big-endian integers, the only byte order on the wire (PROTOCOL.md sections 1 and 5).
// Pure functions; safe from any thread.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace piecework {

// Writes `value` into exactly sizeof(T) bytes, most significant first.
template <std::unsigned_integral T>
constexpr void store_be(std::span<std::byte, sizeof(T)> out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out[i] = static_cast<std::byte>(value >> (8 * (sizeof(T) - 1 - i)));
  }
}

// Reads exactly sizeof(T) bytes, most significant first.
template <std::unsigned_integral T>
constexpr T load_be(std::span<const std::byte, sizeof(T)> in) {
  T value = 0;
  for (const std::byte b : in) value = static_cast<T>((value << 8) | static_cast<T>(b));
  return value;
}

// The same, `offset` bytes into a buffer that holds at least offset + sizeof(T) bytes.
template <std::unsigned_integral T>
constexpr void store_be_at(std::span<std::byte> out, std::size_t offset, T value) {
  store_be<T>(out.subspan(offset).template first<sizeof(T)>(), value);
}
template <std::unsigned_integral T>
constexpr T load_be_at(std::span<const std::byte> in, std::size_t offset) {
  return load_be<T>(in.subspan(offset).template first<sizeof(T)>());
}

}  // namespace piecework
