#include "common/rate_meter.h"

namespace piecework {
namespace {

constexpr seconds kWindow{5};

}  // namespace

void RateMeter::sample(std::uint64_t total, TimePoint now) {
  samples_.emplace_back(now, total);
  while (samples_.size() > 2 && now - samples_[1].first >= kWindow) samples_.pop_front();
}

double RateMeter::per_second() const {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> span = samples_.back().first - samples_.front().first;
  if (span.count() <= 0) return 0;
  return static_cast<double>(samples_.back().second - samples_.front().second) / span.count();
}

}  // namespace piecework
