#include "peer/request_window.h"

#include <algorithm>
#include <utility>

namespace piecework::peer {
namespace {

// Bytes asked for ahead: enough to keep a fast path busy while a piece is hashed and written, few
// enough that a slow peer does not sit on pieces that others could send.
constexpr std::uint32_t kAheadBytes = 4 << 20;
constexpr std::uint32_t kLeastRequests = 2;
constexpr std::uint32_t kMostRequests = 64;

}  // namespace

RequestWindow::RequestWindow(const PieceLayout& layout, std::uint32_t peer_accepts)
    : depth_(std::min(peer_accepts, std::clamp(kAheadBytes / layout.piece_length(), kLeastRequests,
                                               kMostRequests))),
      asked_(layout.count()) {}

void RequestWindow::asked(PieceClaim claim) {
  asked_.set(claim.piece());
  outstanding_.push_back(std::move(claim));
}

std::optional<PieceClaim> RequestWindow::take(PieceIndex piece) {
  const auto found = std::find_if(outstanding_.begin(), outstanding_.end(),
                                  [&](const PieceClaim& claim) { return claim.piece() == piece; });
  if (found == outstanding_.end()) return std::nullopt;
  PieceClaim claim = std::move(*found);
  outstanding_.erase(found);
  return claim;
}

std::vector<PieceClaim> RequestWindow::take_all() {
  return std::exchange(outstanding_, {});
}

}  // namespace piecework::peer
