// The Requests of one connection: which pieces were ever asked for, which are outstanding, and how
// many may be at a time. Plain data: one thread at a time; Exchange guards it.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/bitfield.h"
#include "peer/left_pieces.h"

namespace piecework::peer {

class RequestWindow {
 public:
  RequestWindow(const PieceLayout& layout, std::uint32_t peer_accepts);

  bool full() const { return outstanding_.size() >= depth_; }
  bool idle() const { return outstanding_.empty(); }

  void asked(PieceClaim claim);
  // A Piece for which this is false is a protocol error.
  bool was_ever_asked(PieceIndex piece) const { return asked_.has(piece); }

  // The claim on `piece`, which is outstanding no longer; nothing when it was not (any more).
  std::optional<PieceClaim> take(PieceIndex piece);
  std::vector<PieceClaim> take_all();

 private:
  std::size_t depth_;
  Bitfield asked_;
  std::vector<PieceClaim> outstanding_;
};

}  // namespace piecework::peer
