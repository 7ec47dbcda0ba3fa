// The original form of a piece hash: what Python's repr() makes of a bytes object, such as
// b'\xaa\xf4\xc6;H,\t' (PROTOCOL.md section 3).
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace piecework {

// b'…', or b"…" when the bytes hold a ' and no ". Within: \t \n \r \\ and the quote as \', other
// bytes outside printable ASCII as \xNN in lower case.
std::string python_repr(std::span<const std::byte> bytes);

// The bytes that `text` is the repr of: exactly out.size() of them. False, with `out` in an unknown
// state, when it is no repr of so many bytes. Strict: what repr() would have written otherwise
// ("\x41", upper-case digits, needless quotes or escapes) is refused, because an original compares
// the text.
bool parse_python_repr(std::string_view text, std::span<std::byte> out);

}  // namespace piecework
