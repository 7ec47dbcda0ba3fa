#include "common/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "common/unique_fd.h"
#include "common/utf8.h"
#include "tests/support/notify_socket.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

// Sends the process-wide log to a file for as long as a test runs.
class LogToFile {
 public:
  explicit LogToFile(LogLevel level = LogLevel::kInfo) {
    log_flush_repeated(true);
    log_open(dir_.file("log"), level);
  }
  ~LogToFile() {
    log_flush_repeated(true);
    log_open("-", LogLevel::kInfo);
  }

  std::string path() const { return dir_.file("log"); }
  std::vector<std::string> lines() const {
    std::istringstream in(dir_.read("log"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

 private:
  TempDir dir_;
};

// Sends stderr to a file for as long as a test runs.
class StderrInFile {
 public:
  explicit StderrInFile(const std::string& path) : before_(::dup(STDERR_FILENO)) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    ::dup2(file.get(), STDERR_FILENO);
  }
  ~StderrInFile() {
    ::dup2(before_.get(), STDERR_FILENO);
    log_open("-", LogLevel::kInfo);
  }
  StderrInFile(const StderrInFile&) = delete;
  StderrInFile& operator=(const StderrInFile&) = delete;

 private:
  UniqueFd before_;
};

// Has `text` the form of `pattern`, in which every 0 stands for a digit?
bool has_form(std::string_view text, std::string_view pattern) {
  const auto fits = [](char c, char wanted) {
    return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
  };
  return std::equal(text.begin(), text.end(), pattern.begin(), pattern.end(), fits);
}

// The line without its time.
std::string without_time(const std::string& line) {
  const std::size_t space = line.find(' ');
  CHECK(has_form(line.substr(0, space), "0000-00-00T00:00:00.000Z"));
  return line.substr(space + 1);
}

// Is that one whole quoted value, with no escape cut in half?
bool is_whole_quoted(std::string_view text) {
  if (!text.starts_with('"')) return false;
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') {
    if (text[at] != '\\') {
      ++at;
    } else {
      at += text.substr(at).starts_with("\\x") ? 4 : 2;
    }
  }
  return at == text.size() - 1;
}

TEST_SUITE("log") {
  TEST_CASE("a line is time, level, event and escaped fields") {
    LogToFile log;
    log_info("torrent.complete", {{"hash", "ce4dc45d"}, {"name", "two words"}, {"bytes", 7}});
    REQUIRE(log.lines().size() == 1);
    CHECK(without_time(log.lines()[0]) ==
          "info torrent.complete hash=ce4dc45d name=\"two words\" bytes=7");
  }

  TEST_CASE("lines below the level are not written") {
    LogToFile log(LogLevel::kWarn);
    log_info("a.b", {});
    log_debug("a.b", {});
    log_warn("a.warn", {});
    log_error("a.error", {});
    REQUIRE(log.lines().size() == 2);
    CHECK(without_time(log.lines()[0]) == "warn a.warn");
    CHECK(without_time(log.lines()[1]) == "error a.error");
    CHECK_FALSE(log_enabled(LogLevel::kInfo));
  }

  TEST_CASE("a value with line ends stays on one line") {
    LogToFile log;
    log_info("peer.said", {{"text", std::string_view("x\n2026 info forged a=b\r\0y", 25)}});
    CHECK(log.lines().size() == 1);
  }

  TEST_CASE("no line exceeds 4096 bytes and none is cut inside a character or an escape") {
    for (const std::string_view unit :
         {"a", "\xc3\xa9", "\xe2\x82\xac", "\n", "\x01", "\"", "= "}) {
      for (std::size_t shift = 0; shift < 5; ++shift) {
        LogToFile log;
        std::string value(shift, 'x');
        while (value.size() < 2 * kMaxLogLineBytes) value += unit;
        log_info("peer.said", {{"text", value}, {"after", 1}});
        REQUIRE(log.lines().size() == 1);
        const std::string line = log.lines()[0];
        CHECK(line.size() + 1 <= kMaxLogLineBytes);
        CHECK(line.size() + 80 > kMaxLogLineBytes);
        CHECK(is_utf8(line));
        REQUIRE(line.ends_with(" cut=yes"));
        const std::string kept = line.substr(0, line.rfind(" cut=yes"));
        const std::string text = kept.substr(kept.find("text=") + 5);
        CHECK((unit == "a" || is_whole_quoted(text)));
      }
    }
  }

  TEST_CASE("equal lines are held back after the third and reported with their count") {
    LogToFile log;
    for (int i = 0; i < 10; ++i) log_warn("peer.refused", {{"peer", "10.0.0.1:1"}});
    log_warn("peer.refused", {{"peer", "10.0.0.2:1"}});
    CHECK(log.lines().size() == 4);
    log_flush_repeated(false);  // their minute is not over
    CHECK(log.lines().size() == 4);
    log_flush_repeated(true);
    REQUIRE(log.lines().size() == 5);
    CHECK(without_time(log.lines()[4]) == "warn peer.refused peer=10.0.0.1:1 repeated=7");
  }

  TEST_CASE("a flood of lines about strangers is held back, and how many were is said") {
    LogToFile log;
    for (int i = 0; i < 3000; ++i) {
      log_warn("flood.refused", {{"peer", "10.0.0.1:" + std::to_string(i)}});
    }
    CHECK(log.lines().size() < 2100);
    log_warn("flood.other", {{"file", "x"}});
    CHECK(without_time(log.lines().back()) == "warn flood.other file=x");
    const std::size_t printed = log.lines().size() - 1;
    log_flush_repeated(true);
    CHECK(without_time(log.lines().back()) ==
          "warn log.held_back event=flood.refused lines=" + std::to_string(3000 - printed));
  }

  TEST_CASE("reopening goes on in a new file after the old one was renamed") {
    LogToFile log;
    log_info("a.before", {});
    std::filesystem::rename(log.path(), log.path() + ".1");
    log_info("a.still_before", {});
    CHECK(log.lines().empty());
    log_reopen();
    log_info("a.after", {});
    REQUIRE(log.lines().size() == 1);
    CHECK(without_time(log.lines()[0]) == "info a.after");
  }

  TEST_CASE("a log that cannot be reopened goes on in the old file and says so") {
    LogToFile log;
    std::filesystem::rename(log.path(), log.path() + ".1");
    std::filesystem::create_directory(log.path());
    log_reopen();
    std::filesystem::remove(log.path());
    std::filesystem::rename(log.path() + ".1", log.path());
    REQUIRE(log.lines().size() == 1);
    CHECK(without_time(log.lines()[0]).starts_with("error log.reopen_failed reason="));
  }

  TEST_CASE("a file that cannot be opened leaves the log where it was") {
    LogToFile log;
    CHECK_THROWS_AS(log_open("/nonexistent/dir/log", LogLevel::kDebug), std::system_error);
    log_info("a.still_here", {});
    CHECK(log.lines().size() == 1);
    CHECK_FALSE(log_enabled(LogLevel::kDebug));
  }

  TEST_CASE("lines of many threads never mix, also while the log is reopened") {
    constexpr int kThreads = 4;
    constexpr int kLines = 200;
    LogToFile log;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < kLines; ++i) {
          log_info("thread.line", {{"thread", t}, {"line", i}});
          if (i % 50 == 0) log_reopen();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::multiset<std::string> written;
    for (const std::string& line : log.lines()) written.insert(without_time(line));
    std::multiset<std::string> expected;
    for (int t = 0; t < kThreads; ++t) {
      for (int i = 0; i < kLines; ++i) {
        expected.insert("info thread.line thread=" + std::to_string(t) +
                        " line=" + std::to_string(i));
      }
    }
    CHECK(written == expected);
  }

  TEST_CASE("on the journal's stderr each line has its priority, elsewhere none has") {
    TempDir dir;
    StderrInFile redirected(dir.write("stderr", ""));
    struct stat status;
    REQUIRE(::fstat(STDERR_FILENO, &status) == 0);
    const std::string inode = ":" + std::to_string(status.st_ino);
    log_flush_repeated(true);
    {
      const Variable journal("JOURNAL_STREAM", std::to_string(status.st_dev) + inode);
      log_open("-", LogLevel::kDebug);
      log_error("a.error", {});
      log_warn("a.warn", {});
      log_info("a.info", {});
      log_debug("a.debug", {});
      for (int i = 0; i < 5; ++i) log_warn("a.again", {{"text", std::string(9000, 'x')}});
      log_flush_repeated(true);
    }
    {
      const Variable others("JOURNAL_STREAM", "1" + inode);
      log_open("-", LogLevel::kInfo);
      log_info("a.plain", {});
    }
    std::istringstream in(dir.read("stderr"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    REQUIRE(lines.size() == 9);
    const std::vector<std::string> starts{"<3>", "<4>", "<6>", "<7>", "<4>", "<4>", "<4>", "<4>"};
    for (std::size_t i = 0; i < starts.size(); ++i) {
      CHECK(lines[i].starts_with(starts[i]));
      CHECK(lines[i].size() + 1 <= kMaxLogLineBytes);
      without_time(lines[i].substr(3));
    }
    CHECK(lines[7].ends_with(" repeated=2"));
    CHECK(without_time(lines[8]) == "info a.plain");
  }

  TEST_CASE("level names go both ways") {
    for (const LogLevel level :
         {LogLevel::kError, LogLevel::kWarn, LogLevel::kInfo, LogLevel::kDebug}) {
      CHECK(parse_log_level(log_level_name(level)) == level);
    }
    for (const char* bad : {"", "INFO", "verbose", "info "}) CHECK_FALSE(parse_log_level(bad));
  }
}

}  // namespace
}  // namespace piecework
