// Bytes as hexadecimal digits, two a byte.
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace piecework {

// Lower case.
std::string to_hex(std::span<const std::byte> bytes);

// Exactly two digits of either case for each byte of `out`. False, with `out` in an unknown state,
// when `text` is not that.
bool parse_hex(std::string_view text, std::span<std::byte> out);

// 0 to 15, or -1 when `c` is no hexadecimal digit.
int hex_digit_value(char c);

}  // namespace piecework
