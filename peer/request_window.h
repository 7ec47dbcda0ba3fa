// The Requests of one connection: which pieces were ever asked for, which are outstanding, and how
// many may be at a time: as many as the peer sends in 0.15 s. Fewer would leave a fast or long path
// idle; with more, a slow peer would sit on pieces that others could send.
// Plain data: one thread at a time; Exchange guards it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bitfield.h"
#include "common/clock.h"
#include "common/piece_layout.h"
#include "peer/left_pieces.h"

namespace piecework::peer {

class RequestWindow {
 public:
  RequestWindow(const PieceLayout& layout, std::uint32_t peer_accepts);

  bool full() const { return outstanding_.size() >= depth_; }
  // Enough room to be worth a look: a quarter of the window, one piece at least. Whenever a piece
  // that was asked for comes, there is a moment to ask again.
  bool has_room() const {
    return outstanding_.size() + std::max<std::size_t>(1, depth_ / 4) <= depth_;
  }
  // Less than half of the window is outstanding.
  bool is_low() const { return 2 * outstanding_.size() < depth_; }
  bool idle() const { return outstanding_.empty(); }

  void asked(PieceClaim claim, TimePoint now);
  // `bytes` that were asked for have come.
  void delivered(std::uint32_t bytes, TimePoint now);
  // A Piece for which this is false is a protocol error.
  bool was_ever_asked(PieceIndex piece) const { return asked_.has(piece); }

  // The claim on `piece`, which is outstanding no longer; nothing when it was not (any more).
  std::optional<PieceClaim> take(PieceIndex piece);
  std::vector<PieceClaim> take_all();

 private:
  std::size_t depth_for(double bytes) const;

  std::uint32_t piece_length_;
  std::size_t most_;
  std::size_t depth_;
  // What has come since then is measured now and then, as long as there is something to come.
  TimePoint measured_since_;
  std::uint64_t measured_bytes_ = 0;
  bool measured_ = false;
  Bitfield asked_;
  std::vector<PieceClaim> outstanding_;
};

}  // namespace piecework::peer
