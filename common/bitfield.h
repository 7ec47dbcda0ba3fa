// Which pieces are held: one bit a piece in memory, one byte (0 or 1) a piece on the wire
// (PROTOCOL.md section 5).
// Plain data: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/piece_layout.h"

namespace piecework {

class Bitfield {
 public:
  Bitfield() = default;
  explicit Bitfield(std::uint32_t pieces, bool value = false)
      : bits_(pieces, value), held_(value ? pieces : 0) {}

  // From wire bytes, one a piece. Throws ProtocolError "bad_bitfield" on a byte above 1.
  static Bitfield from_wire(std::span<const std::byte> bytes);
  // Writes exactly size() bytes, each 0 or 1.
  void to_wire(std::span<std::byte> out) const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(bits_.size()); }
  std::uint32_t held() const { return held_; }
  bool complete() const { return held_ == size(); }
  bool has(PieceIndex piece) const { return bits_[piece.value()]; }
  // True when this changed something.
  bool set(PieceIndex piece);

  // Bytes of the pieces held.
  std::uint64_t held_bytes(const PieceLayout& layout) const;

  // How many pieces this holds and `other` (of the same size) lacks.
  std::uint32_t count_missing_in(const Bitfield& other) const;

  bool operator==(const Bitfield&) const = default;

 private:
  std::vector<bool> bits_;
  std::uint32_t held_ = 0;
};

}  // namespace piecework
