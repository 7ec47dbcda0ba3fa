#include "common/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "common/line_budget.h"
#include "common/mutex.h"
#include "common/repeated_lines.h"
#include "common/unique_fd.h"
#include "common/utf8.h"

namespace piecework {
namespace {

constexpr std::string_view kStderrPath = "-";
constexpr std::string_view kCutMark = " cut=yes";
// What stands around a line's text: priority and time before it, ` repeated=` and a count after it.
constexpr std::size_t kAroundTextBytes = 64;
constexpr std::size_t kMaxTextBytes = kMaxLogLineBytes - kAroundTextBytes;

struct LevelName {
  LogLevel level;
  std::string_view name;
  std::string_view priority;  // as the journal wants it: syslog(3), sd-daemon(3)
};
constexpr std::array<LevelName, 4> kLevels{{{LogLevel::kError, "error", "<3>"},
                                            {LogLevel::kWarn, "warn", "<4>"},
                                            {LogLevel::kInfo, "info", "<6>"},
                                            {LogLevel::kDebug, "debug", "<7>"}}};

// $JOURNAL_STREAM names the device and inode of what systemd-journald(8) reads (systemd.exec(5)).
bool stderr_is_journal() {
  const char* const journal = std::getenv("JOURNAL_STREAM");
  struct stat status;
  if (journal == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return journal == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

// The priority of a line's text, which begins with its level.
std::string_view priority_of(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(' '));
  for (const LevelName& level : kLevels) {
    if (level.name == name) return level.priority;
  }
  return {};
}

// The open file, shared by the lines on their way to it: a reopened log closes the old file only
// after the last of them.
struct Destination {
  explicit Destination(UniqueFd opened) : file(std::move(opened)) {}
  UniqueFd file;  // none: stderr
  bool is_journal = !file.valid() && stderr_is_journal();
  int number() const { return file.valid() ? file.get() : STDERR_FILENO; }
};

class Log {
 public:
  void open(const std::string& path, LogLevel level) EXCLUDES(mutex_);
  void reopen() EXCLUDES(mutex_);
  bool enabled(LogLevel level) const { return level <= level_.load(std::memory_order_relaxed); }
  void line(const std::string& text) EXCLUDES(mutex_);
  void flush_repeated(bool everything) EXCLUDES(mutex_);

 private:
  void drop_unaffordable_locked(std::vector<RepeatedLines::Held>& due, TimePoint now)
      REQUIRES(mutex_);

  std::atomic<LogLevel> level_{LogLevel::kInfo};
  Mutex mutex_;
  std::string path_ GUARDED_BY(mutex_){kStderrPath};
  std::shared_ptr<const Destination> destination_ GUARDED_BY(mutex_) =
      std::make_shared<Destination>(UniqueFd());
  RepeatedLines repeated_ GUARDED_BY(mutex_);
  LineBudget budget_ GUARDED_BY(mutex_);
};

// Never destroyed, so that a thread that ends late can still log.
Log& the_log() {
  static Log& log = *new Log;
  return log;
}

std::string utc_now() {
  using std::chrono::system_clock;
  const auto now = std::chrono::floor<milliseconds>(system_clock::now());
  const std::time_t whole = system_clock::to_time_t(now);
  tm utc{};
  ::gmtime_r(&whole, &utc);
  std::array<char, 24> day_and_time{};
  std::strftime(day_and_time.data(), day_and_time.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ",
                static_cast<int>(now.time_since_epoch().count() % 1000));
  return std::string(day_and_time.data()) + fraction.data();
}

// Bytes of the escape, character or single byte at the front of `text`, inside or outside quotes.
std::size_t unit_bytes(std::string_view text) {
  if (text.front() == '\\') return text.starts_with("\\x") ? 4 : 2;
  return std::max<std::size_t>(utf8_prefix(text), 1);
}

// Cuts an over-long text between two characters or escapes, closes an open quote and says so.
void cut_to_bound(std::string& text) {
  if (text.size() <= kMaxTextBytes) return;
  constexpr std::size_t kKept = kMaxTextBytes - kCutMark.size() - 1;
  bool in_quotes = false;
  std::size_t kept = 0;
  while (true) {
    const std::size_t next = kept + unit_bytes(std::string_view(text).substr(kept));
    if (next > kKept) break;
    if (text[kept] == '"') in_quotes = !in_quotes;
    kept = next;
  }
  text.resize(kept);
  if (in_quotes) text += '"';
  text += kCutMark;
}

// All of a line but its time.
std::string line_text(LogLevel level, std::string_view event, const Fields& fields) {
  std::string text(log_level_name(level));
  text += ' ';
  text += event;
  if (!fields.empty()) text += ' ';
  text += format_fields(fields);
  cut_to_bound(text);
  return text;
}

// One write(2) a line: with O_APPEND lines never mix, whoever else writes to the file.
void write_line(const Destination& to, std::string_view text, std::uint64_t repeated = 0) {
  std::string line(to.is_journal ? priority_of(text) : "");
  line += utc_now();
  line += ' ';
  line += text;
  if (repeated > 0) line += " repeated=" + std::to_string(repeated);
  line += '\n';
  // A log that cannot be written leaves nowhere to say so.
  while (::write(to.number(), line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

std::shared_ptr<const Destination> open_destination(const std::string& path) {
  if (path == kStderrPath) return std::make_shared<Destination>(UniqueFd());
  constexpr mode_t kMode = 0640;
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, kMode));
  if (!file.valid()) {
    throw std::system_error(errno, std::generic_category(), "open log file " + path);
  }
  return std::make_shared<Destination>(std::move(file));
}

void Log::open(const std::string& path, LogLevel level) {
  auto opened = open_destination(path);
  level_.store(level, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  path_ = path;
  destination_.swap(opened);
}

void Log::reopen() {
  std::string path;
  {
    MutexLock lock(mutex_);
    path = path_;
  }
  try {
    auto opened = open_destination(path);
    MutexLock lock(mutex_);
    if (path_ == path) destination_.swap(opened);
  } catch (const std::system_error& error) {
    log_error("log.reopen_failed", {{"reason", error.what()}});
  }
}

void Log::line(const std::string& text) {
  std::vector<RepeatedLines::Held> due;
  std::shared_ptr<const Destination> to;
  bool admitted = false;
  {
    MutexLock lock(mutex_);
    const TimePoint now = Clock::now();
    admitted = repeated_.admit(text, now, due) && budget_.admit(text, now);
    drop_unaffordable_locked(due, now);
    to = destination_;
  }
  for (const auto& held : due) write_line(*to, held.text, held.count);
  if (admitted) write_line(*to, text);
}

void Log::flush_repeated(bool everything) {
  std::vector<RepeatedLines::Held> due;
  std::vector<LineBudget::Held> beyond_budget;
  std::shared_ptr<const Destination> to;
  {
    MutexLock lock(mutex_);
    const TimePoint now = Clock::now();
    due = repeated_.take_due(now, everything);
    drop_unaffordable_locked(due, now);
    beyond_budget = budget_.take_due(now, everything);
    to = destination_;
  }
  for (const auto& held : due) write_line(*to, held.text, held.count);
  for (const auto& [event, lines] : beyond_budget) {
    write_line(*to,
               line_text(LogLevel::kWarn, "log.held_back", {{"event", event}, {"lines", lines}}));
  }
}

// Those that differ only in who they are about are many, and so are the counts of each.
void Log::drop_unaffordable_locked(std::vector<RepeatedLines::Held>& due, TimePoint now) {
  std::erase_if(due, [&](const RepeatedLines::Held& held)
                         REQUIRES(mutex_) { return !budget_.admit(held.text, now, held.count); });
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (const LevelName& known : kLevels) {
    if (known.name == name) return known.level;
  }
  return std::nullopt;
}

std::string_view log_level_name(LogLevel level) {
  return kLevels[static_cast<std::size_t>(level)].name;
}

void log_open(const std::string& path, LogLevel level) {
  the_log().open(path, level);
}

void log_reopen() {
  the_log().reopen();
}

bool log_enabled(LogLevel level) {
  return the_log().enabled(level);
}

void log_line(LogLevel level, std::string_view event, const Fields& fields) {
  if (log_enabled(level)) the_log().line(line_text(level, event, fields));
}

void log_flush_repeated(bool everything) {
  the_log().flush_repeated(everything);
}

}  // namespace piecework
