// Sets of pieces as short strings, one character a piece: "1001" holds the first and the last.
// Pure functions; safe from any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/bitfield.h"

namespace piecework {

Bitfield pieces(std::string_view text);
std::string to_text(const Bitfield& pieces);

std::vector<PieceIndex> indexes(std::initializer_list<std::uint32_t> values);

}  // namespace piecework
