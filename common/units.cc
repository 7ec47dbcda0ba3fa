#include "common/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace piecework {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

constexpr std::array kSizes = {Unit{"", 1},
                               Unit{"B", 1},
                               Unit{"KiB", 1ULL << 10},
                               Unit{"MiB", 1ULL << 20},
                               Unit{"GiB", 1ULL << 30},
                               Unit{"TiB", 1ULL << 40}};

constexpr std::array kDurations = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60 * 1000},
                                   Unit{"h", 60 * 60 * 1000}, Unit{"d", 24 * 60 * 60 * 1000}};

struct Quantity {
  std::uint64_t number;
  std::string_view suffix;
};

// Digits, and what follows them.
std::optional<Quantity> split(std::string_view text) {
  const char* const end = text.data() + text.size();
  std::uint64_t number = 0;
  const auto result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc()) return std::nullopt;
  return Quantity{number, text.substr(static_cast<std::size_t>(result.ptr - text.data()))};
}

template <std::size_t N>
std::optional<std::uint64_t> scale(const Quantity& quantity, const std::array<Unit, N>& units,
                                   std::uint64_t most) {
  for (const Unit& unit : units) {
    if (unit.suffix != quantity.suffix) continue;
    if (quantity.number > most / unit.factor) return std::nullopt;
    return quantity.number * unit.factor;
  }
  return std::nullopt;
}

template <typename... Arguments>
std::string print(const char* format, Arguments... arguments) {
  std::array<char, 48> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), format, arguments...);
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

std::string format_bytes(double bytes) {
  static constexpr std::array kSuffixes = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  // What would be printed as 1024.0 belongs to the next unit.
  constexpr double kNextUnit = 1023.95;
  if (bytes < 1024) return print("%.0f B", bytes);
  std::size_t unit = 0;
  while (bytes >= kNextUnit && unit + 1 < kSuffixes.size()) {
    bytes /= 1024;
    ++unit;
  }
  return print("%.1f %s", bytes, kSuffixes[unit]);
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::optional<Quantity> quantity = split(text);
  if (!quantity) return std::nullopt;
  if (quantity->suffix.size() > 1 && quantity->suffix.front() == ' ') {
    quantity->suffix.remove_prefix(1);
  }
  return scale(*quantity, kSizes, std::numeric_limits<std::uint64_t>::max());
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return milliseconds(0);
  const std::optional<Quantity> quantity = split(text);
  if (!quantity) return std::nullopt;
  const auto count = scale(*quantity, kDurations, static_cast<std::uint64_t>(kMaxDuration.count()));
  if (!count) return std::nullopt;
  return milliseconds(*count);
}

std::string format_size(std::uint64_t bytes) {
  return format_bytes(static_cast<double>(bytes));
}

std::string format_count(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string format_rate(double bytes_per_second) {
  const bool sensible = std::isfinite(bytes_per_second) && bytes_per_second > 0;
  return format_bytes(sensible ? bytes_per_second : 0) + "/s";
}

std::string format_duration(milliseconds duration) {
  const long long ms = std::clamp(duration, milliseconds(0), kMaxDuration).count();
  const long long tenths = (ms + 50) / 100;
  if (tenths < 600) return print("%lld.%llds", tenths / 10, tenths % 10);
  const long long secs = (ms + 500) / 1000;
  if (secs < 3600) return print("%lldm%02llds", secs / 60, secs % 60);
  const long long mins = secs / 60;
  if (mins < 24 * 60) return print("%lldh%02lldm", mins / 60, mins % 60);
  return print("%lldd%02lldh", mins / (24 * 60), mins / 60 % 24);
}

std::string format_seconds(Clock::duration duration) {
  return print("%.3f", std::chrono::duration<double>(duration).count());
}

}  // namespace piecework
