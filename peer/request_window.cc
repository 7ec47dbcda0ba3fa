#include "peer/request_window.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace piecework::peer {
namespace {

constexpr std::uint32_t kMostBytes = 4 << 20;
constexpr std::uint32_t kLeastRequests = 2;
constexpr std::uint32_t kFirstRequests = 4;  // until it is known how fast the peer is
constexpr std::uint32_t kMostRequests = 64;
constexpr std::chrono::duration<double> kAhead{0.15};
constexpr std::chrono::duration<double> kMeasureFor{0.1};

}  // namespace

RequestWindow::RequestWindow(const PieceLayout& layout, std::uint32_t peer_accepts)
    : piece_length_(layout.piece_length()),
      most_(std::min(peer_accepts, std::clamp(kMostBytes / layout.piece_length(), kLeastRequests,
                                              kMostRequests))),
      depth_(std::min<std::size_t>(most_, kFirstRequests)),
      asked_(layout.count()) {}

void RequestWindow::asked(PieceClaim claim, TimePoint now) {
  if (outstanding_.empty()) {
    measured_since_ = now;
    measured_bytes_ = 0;
  }
  asked_.set(claim.piece());
  outstanding_.push_back(std::move(claim));
}

void RequestWindow::delivered(std::uint32_t bytes, TimePoint now) {
  measured_bytes_ += bytes;
  const std::chrono::duration<double> took = now - measured_since_;
  if (took >= kMeasureFor) {
    depth_ = depth_for(static_cast<double>(measured_bytes_) * (kAhead / took));
    measured_since_ = now;
    measured_bytes_ = 0;
    measured_ = true;
  } else if (!measured_) {
    depth_ = std::min(most_, depth_ + 1);  // doubles with each round trip
  }
}

std::size_t RequestWindow::depth_for(double bytes) const {
  const double pieces = std::min(std::round(bytes / piece_length_), static_cast<double>(most_));
  return std::clamp<std::size_t>(static_cast<std::size_t>(pieces),
                                 std::min<std::size_t>(most_, kLeastRequests), most_);
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
