// What counts as UTF-8 text here. Source: RFC 3629 (no overlong forms, no surrogates, at most
// U+10FFFF).
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace piecework {

// Bytes (1 to 4) of the well-formed character at the front of `text`; 0 when it is empty or not
// well-formed.
std::size_t utf8_prefix(std::string_view text);

// The same, but 0 for control characters as well (U+0000–U+001F, U+007F–U+009F), and for the line
// and paragraph separators and bidirectional controls that make a terminal show another text.
std::size_t utf8_printable_prefix(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace piecework
