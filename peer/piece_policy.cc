#include "peer/piece_policy.h"

namespace piecework::peer {

RarestFirst::RarestFirst(std::uint32_t pieces)
    : position_(pieces, kAbsent), availability_(pieces, 0), begin_(1, 0) {}

std::uint32_t RarestFirst::end_of(std::size_t bucket) const {
  return bucket + 1 < begin_.size() ? begin_[bucket + 1]
                                    : static_cast<std::uint32_t>(order_.size());
}

void RarestFirst::place(std::uint32_t at, std::uint32_t piece) {
  order_[at] = piece;
  position_[piece] = at;
}

void RarestFirst::ensure_bucket(std::size_t bucket) {
  if (bucket >= begin_.size()) begin_.resize(bucket + 1, static_cast<std::uint32_t>(order_.size()));
}

void RarestFirst::insert(PieceIndex piece) {
  const std::uint32_t bucket = availability_[piece.value()];
  ensure_bucket(bucket);
  // Open a hole at the end and move it down: each later bucket gives its first element to its end.
  auto hole = static_cast<std::uint32_t>(order_.size());
  order_.push_back(0);
  for (std::size_t b = begin_.size() - 1; b > bucket; --b) {
    const std::uint32_t first = begin_[b]++;
    if (first != hole) place(hole, order_[first]);
    hole = first;
  }
  place(hole, piece.value());
}

void RarestFirst::erase(PieceIndex piece) {
  std::uint32_t hole = position_[piece.value()];
  position_[piece.value()] = kAbsent;
  for (std::size_t b = availability_[piece.value()]; b < begin_.size(); ++b) {
    const std::uint32_t last = end_of(b) - 1;
    if (last != hole) place(hole, order_[last]);
    hole = last;
    if (b + 1 < begin_.size()) --begin_[b + 1];
  }
  order_.pop_back();
}

void RarestFirst::gained(PieceIndex piece) {
  const std::uint32_t bucket = availability_[piece.value()]++;
  const std::uint32_t at = position_[piece.value()];
  if (at == kAbsent) return;
  ensure_bucket(bucket + 1);
  const std::uint32_t last = end_of(bucket) - 1;
  place(at, order_[last]);
  place(last, piece.value());
  --begin_[bucket + 1];
}

void RarestFirst::lost(PieceIndex piece) {
  const std::uint32_t bucket = availability_[piece.value()]--;
  const std::uint32_t at = position_[piece.value()];
  if (at == kAbsent) return;
  const std::uint32_t first = begin_[bucket]++;
  place(at, order_[first]);
  place(first, piece.value());
}

}  // namespace piecework::peer
