#include "peer/seed_limits.h"

#include <algorithm>
#include <cmath>

namespace piecework::peer {

std::optional<std::string_view> SeedLimits::reached(const SeedRecord& record,
                                                    std::uint64_t length) const {
  if (bytes_left(record, length) == std::uint64_t{0}) return "ratio";
  if (seconds != 0 && record.seeded >= std::chrono::seconds(seconds)) return "time";
  return std::nullopt;
}

std::optional<std::uint64_t> SeedLimits::bytes_left(const SeedRecord& record,
                                                    std::uint64_t length) const {
  if (ratio_thousandths == 0 || length == 0) return std::nullopt;
  constexpr double kMost = 1e18;  // of either product; a byte more or less does not matter
  const double goal = static_cast<double>(length) * ratio_thousandths / 1000;
  const auto bytes = static_cast<std::uint64_t>(std::ceil(std::min(goal, kMost)));
  return bytes - std::min(bytes, record.uploaded);
}

Deadline SeedLimits::time_over(const SeedRecord& record, TimePoint now) const {
  if (seconds == 0) return kNoDeadline;
  const milliseconds left = std::chrono::seconds(seconds) - record.seeded;
  return now + std::max(left, milliseconds(0));
}

}  // namespace piecework::peer
