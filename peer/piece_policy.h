// Which piece to ask for next: rarest first, ties at random. Pure: no locks, no I/O, and the
// randomness comes from the caller.
// One thread at a time; left_pieces.h guards it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/bitfield.h"
#include "common/piece_layout.h"
#include "peer/random.h"

namespace piecework::peer {

// A set of pieces in the order of how many peers hold each. Every operation but pick() takes time
// in the number of different availabilities, not of pieces.
class RarestFirst {
 public:
  // No piece is in the set, and nobody holds any.
  explicit RarestFirst(std::uint32_t pieces);

  void insert(PieceIndex piece);  // must not be in the set
  void erase(PieceIndex piece);   // must be in the set
  bool contains(PieceIndex piece) const { return position_[piece.value()] != kAbsent; }
  bool empty() const { return order_.empty(); }
  std::size_t size() const { return order_.size(); }

  // One more or one fewer peer holds `piece`, in the set or not.
  void gained(PieceIndex piece);
  void lost(PieceIndex piece);
  std::uint32_t availability(PieceIndex piece) const { return availability_[piece.value()]; }

  // The rarest piece of the set for which `allowed` is true, any of the equally rare ones with
  // about equal chance; nothing when there is none. Looks at each piece at most once.
  template <typename Allowed>
  std::optional<PieceIndex> pick(Random& random, Allowed allowed) const {
    for (std::size_t bucket = 0; bucket < begin_.size(); ++bucket) {
      const std::uint32_t first = begin_[bucket];
      const std::uint32_t count = end_of(bucket) - first;
      if (count == 0) continue;
      const auto start = static_cast<std::uint32_t>(random() % count);
      for (std::uint32_t i = 0; i < count; ++i) {
        const PieceIndex piece(order_[first + (start + i) % count]);
        if (allowed(piece)) return piece;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kAbsent = UINT32_MAX;

  std::uint32_t end_of(std::size_t bucket) const;
  void place(std::uint32_t at, std::uint32_t piece);
  void ensure_bucket(std::size_t bucket);

  // order_ holds the set, cut into buckets of equal availability: bucket b is order_[begin_[b]] up
  // to order_[begin_[b + 1]].
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> position_;  // of each piece in order_, or kAbsent
  std::vector<std::uint32_t> availability_;
  std::vector<std::uint32_t> begin_;
};

}  // namespace piecework::peer
