#include "tests/support/pieces.h"

namespace piecework {

Bitfield pieces(std::string_view text) {
  Bitfield result(static_cast<std::uint32_t>(text.size()));
  for (PieceIndex piece; piece.value() < result.size(); ++piece) {
    if (text[piece.value()] == '1') result.set(piece);
  }
  return result;
}

std::string to_text(const Bitfield& pieces) {
  std::string text;
  for (PieceIndex piece; piece.value() < pieces.size(); ++piece) {
    text += pieces.has(piece) ? '1' : '0';
  }
  return text;
}

std::vector<PieceIndex> indexes(std::initializer_list<std::uint32_t> values) {
  std::vector<PieceIndex> result;
  for (const std::uint32_t value : values) result.emplace_back(value);
  return result;
}

}  // namespace piecework
