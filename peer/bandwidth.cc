#include "peer/bandwidth.h"

#include <algorithm>

namespace piecework::peer {

Bandwidth::Bandwidth(const Settings& settings)
    : upload_(settings.upload_limit),
      download_(settings.download_limit),
      upload_slots_(settings.upload_slots) {}

void Bandwidth::set(const Settings& settings) {
  upload_.set_rate(settings.upload_limit);
  download_.set_rate(settings.download_limit);
  upload_slots_ = settings.upload_slots;
}

std::size_t Bandwidth::upload_slots() const {
  const std::size_t slots = upload_slots_;
  const std::uint64_t limit = upload_.rate();
  if (limit == 0) return slots;
  const std::size_t torrents = std::max<std::size_t>(wanted_torrents_, 1);
  return std::clamp<std::size_t>(limit / kLeastShare / torrents, 1, slots);
}

}  // namespace piecework::peer
