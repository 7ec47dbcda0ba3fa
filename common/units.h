// Sizes, rates and durations as people write and read them.
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"

namespace piecework {

// The longest duration that parse_duration() takes: Clock::now() plus it does not overflow.
inline constexpr milliseconds kMaxDuration = std::chrono::hours(24 * 36500);

// "1024", "64KiB", "8 MiB": a whole number of bytes, KiB, MiB, GiB or TiB, with at most one space
// before the unit. Nothing when it is not that or beyond 64 bits.
std::optional<std::uint64_t> parse_size(std::string_view text);

// "500ms", "60s", "2m", "24h", "1d", or "0". Nothing when it is not that or above kMaxDuration.
std::optional<milliseconds> parse_duration(std::string_view text);

std::string format_size(std::uint64_t bytes);                          // "0 B", "12.3 MiB"
std::string format_count(std::uint64_t count, std::string_view noun);  // "1 piece", "3 pieces"
std::string format_rate(double bytes_per_second);                      // "12.3 MiB/s"
std::string format_duration(milliseconds duration);    // "12.3s", "2m03s", "1h02m", "3d04h"
std::string format_seconds(Clock::duration duration);  // "0.123", for log lines

}  // namespace piecework
