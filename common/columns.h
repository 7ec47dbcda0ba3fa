// How much room UTF-8 text takes on a terminal: most characters stand in one column, those of East
// Asia in two, accents in none.
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace piecework {

// Columns of `text`, which holds no control characters. A byte that is not UTF-8 counts as one.
std::size_t display_columns(std::string_view text);

// The longest beginning of `text` that fits into so many columns.
std::string_view fit_columns(std::string_view text, std::size_t columns);

// `text` if it fits into so many columns, else what does of it, with "…" at the end.
std::string cut_to_columns(std::string_view text, std::size_t columns);

// `text` with spaces behind it (before it) up to so many columns; unchanged when it has as many.
std::string pad_right(std::string_view text, std::size_t columns);
std::string pad_left(std::string_view text, std::size_t columns);

}  // namespace piecework
