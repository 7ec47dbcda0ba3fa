// Where each piece of a file lies: the one place that knows about the short last piece.
// Immutable values; safe from any thread.
#pragma once

#include <compare>
#include <cstdint>

namespace piecework {

// Which piece. Not a count, not an offset.
class PieceIndex {
 public:
  constexpr PieceIndex() = default;
  constexpr explicit PieceIndex(std::uint32_t value) : value_(value) {}
  constexpr std::uint32_t value() const { return value_; }
  constexpr PieceIndex& operator++() {
    ++value_;
    return *this;
  }
  constexpr auto operator<=>(const PieceIndex&) const = default;

 private:
  std::uint32_t value_ = 0;
};

class PieceLayout {
 public:
  constexpr PieceLayout() = default;
  // piece_length at least 1 byte; at most 2^32-1 pieces.
  constexpr PieceLayout(std::uint64_t file_length, std::uint32_t piece_length)
      : file_length_(file_length), piece_length_(piece_length) {}

  constexpr std::uint64_t file_length() const { return file_length_; }
  constexpr std::uint32_t piece_length() const { return piece_length_; }  // of all but the last
  constexpr std::uint32_t count() const {
    return static_cast<std::uint32_t>(file_length_ / piece_length_ +
                                      (file_length_ % piece_length_ != 0 ? 1 : 0));
  }
  constexpr PieceIndex end() const { return PieceIndex(count()); }
  constexpr bool contains(PieceIndex piece) const { return piece.value() < count(); }
  constexpr std::uint64_t offset(PieceIndex piece) const {
    return std::uint64_t{piece.value()} * piece_length_;
  }
  // Bytes in `piece`, which must be contained: piece_length, or what is left for the last one.
  constexpr std::uint32_t length(PieceIndex piece) const {
    const std::uint64_t left = file_length_ - offset(piece);
    return left < piece_length_ ? static_cast<std::uint32_t>(left) : piece_length_;
  }

 private:
  std::uint64_t file_length_ = 0;
  std::uint32_t piece_length_ = 1;
};

}  // namespace piecework
