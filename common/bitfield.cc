#include "common/bitfield.h"

#include "common/errors.h"

namespace piecework {

Bitfield Bitfield::from_wire(std::span<const std::byte> bytes) {
  Bitfield result(static_cast<std::uint32_t>(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] > std::byte{1}) {
      throw ProtocolError("bad_bitfield", {{"piece", i}, {"byte", std::to_integer<int>(bytes[i])}});
    }
    if (bytes[i] == std::byte{1}) result.set(PieceIndex(static_cast<std::uint32_t>(i)));
  }
  return result;
}

void Bitfield::to_wire(std::span<std::byte> out) const {
  for (std::size_t i = 0; i < bits_.size(); ++i) out[i] = std::byte{bits_[i]};
}

bool Bitfield::set(PieceIndex piece) {
  if (has(piece)) return false;
  bits_[piece.value()] = true;
  ++held_;
  return true;
}

std::uint64_t Bitfield::held_bytes(const PieceLayout& layout) const {
  if (held_ == 0) return 0;
  const PieceIndex last(size() - 1);
  const std::uint64_t full = std::uint64_t{held_} * layout.piece_length();
  return has(last) ? full - layout.piece_length() + layout.length(last) : full;
}

std::uint32_t Bitfield::count_missing_in(const Bitfield& other) const {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < bits_.size(); ++i) {
    if (bits_[i] && !other.bits_[i]) ++count;
  }
  return count;
}

}  // namespace piecework
