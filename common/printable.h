// Strangers' text on a terminal: names, comments, error texts.
// Pure functions; safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace piecework {

// `text` with every byte that could move a cursor, forge a line or turn the writing direction as
// \xNN
// (\n, \r, \t and \\ in their short forms), so that it fits in one line and means what it shows.
std::string printable(std::string_view text);

}  // namespace piecework
