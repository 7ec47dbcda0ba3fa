// The log: one line an event,
//   2026-11-21T18:28:27.807Z info torrent.complete hash=ce4dc45d name=video.mp4
// time (UTC), level, dotted event, key=value with values escaped (fields.h), never over 4 KiB.
// Equal lines are held back after the first few and reported as one line with their count, and so
// are those about strangers beyond what a log can take (line_budget.h). The log is the project's
// only process-wide object. Safe from any thread; call it with no lock held.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/fields.h"

namespace piecework {

enum class LogLevel { kError, kWarn, kInfo, kDebug };

std::optional<LogLevel> parse_log_level(std::string_view name);  // "error" "warn" "info" "debug"
std::string_view log_level_name(LogLevel level);

inline constexpr std::size_t kMaxLogLineBytes = 4096;

// Sends all further lines to `path` (appended to, made with mode 0640), or to stderr for "-"; when
// that is the journal's ($JOURNAL_STREAM), each begins with its priority, such as "<6>" for info.
// Throws std::system_error when the file cannot be opened; the old destination then stays.
void log_open(const std::string& path, LogLevel level);

// Opens the same path again, after a log rotation. Keeps the old file when that fails, and says so.
void log_reopen();

bool log_enabled(LogLevel level);

void log_line(LogLevel level, std::string_view event, const Fields& fields);
inline void log_error(std::string_view event, const Fields& f) {
  log_line(LogLevel::kError, event, f);
}
inline void log_warn(std::string_view event, const Fields& f) {
  log_line(LogLevel::kWarn, event, f);
}
inline void log_info(std::string_view event, const Fields& f) {
  log_line(LogLevel::kInfo, event, f);
}
inline void log_debug(std::string_view event, const Fields& f) {
  if (log_enabled(LogLevel::kDebug)) log_line(LogLevel::kDebug, event, f);
}

// Prints what was held back so far. Called about once a second, and at exit.
void log_flush_repeated(bool everything);

}  // namespace piecework
