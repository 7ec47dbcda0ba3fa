// When a torrent has been seeded enough.
// Immutable values; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/clock.h"
#include "peer/seed_tally.h"

namespace piecework::peer {

struct SeedLimits {
  std::uint32_t ratio_thousandths = 0;  // bytes sent for each byte of the file; 0: no limit
  std::uint32_t seconds = 0;            // complete and served for so long; 0: no limit

  bool operator==(const SeedLimits&) const = default;

  // Which one is reached, "ratio" or "time", by a file of `length` bytes; nothing when none is. An
  // empty file has no ratio.
  std::optional<std::string_view> reached(const SeedRecord& record, std::uint64_t length) const;
  // Bytes still to be sent until the ratio is reached; nothing when there is no such limit.
  std::optional<std::uint64_t> bytes_left(const SeedRecord& record, std::uint64_t length) const;
  // When the time will be over for one that is seeded from `now` on; kNoDeadline: never.
  Deadline time_over(const SeedRecord& record, TimePoint now) const;
};

}  // namespace piecework::peer
