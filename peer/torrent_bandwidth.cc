#include "peer/torrent_bandwidth.h"

#include <algorithm>

namespace piecework::peer {

TorrentBandwidth::TorrentBandwidth(Bandwidth& shared, Rates own)
    : shared_(shared), upload_(own.upload), download_(own.download) {}

void TorrentBandwidth::set_rates(Rates rates) {
  upload_.set_rate(rates.upload);
  download_.set_rate(rates.download);
}

std::size_t TorrentBandwidth::upload_slots() const {
  const std::size_t slots = shared_.upload_slots();
  const std::uint64_t limit = upload_.rate();
  return limit == 0 ? slots : std::clamp<std::size_t>(limit / kLeastShare, 1, slots);
}

void TorrentBandwidth::wake() {
  for (RateLimiter* limiter : {&upload_, &download_, &shared_.upload(), &shared_.download()}) {
    limiter->wake();
  }
}

RateLimiter::Grant TorrentBandwidth::Turns::take(std::uint64_t wanted,
                                                 const std::atomic<bool>& cancelled) {
  Clock::duration waited{};
  if (granted_ == 0) {
    const auto own = own_.take(wanted, cancelled);
    granted_ = own.bytes;
    waited = own.waited;
  }
  const auto shared = shared_.take(std::min(wanted, granted_), cancelled);
  granted_ -= shared.bytes;
  return {shared.bytes, waited + shared.waited};
}

}  // namespace piecework::peer
