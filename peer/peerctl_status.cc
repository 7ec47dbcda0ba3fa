#include "peer/peerctl_status.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/atomic_file.h"
#include "common/command_line.h"
#include "common/json.h"
#include "common/shutdown_signal.h"
#include "common/status_file.h"
#include "common/terminal.h"
#include "peer/node_status.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_local.h"
#include "peer/status_table.h"

namespace piecework::peer::peerctl {
namespace {

constexpr seconds kFollowEvery{1};

std::string read_status(const std::string& path) {
  try {
    return read_small_file(path, kMaxStatusBytes);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    throw CommandError(kExitUnavailable,
                       "peerd is not running, or not with this configuration: "
                       "there is no " +
                           path);
  }
}

void check_alive(const NodeStatus& status) {
  if (!is_gone(status)) return;
  throw CommandError(kExitUnavailable, "peerd is not running: process " +
                                           std::to_string(status.pid) +
                                           " has gone without a word; this was its last state");
}

// A daemon that cannot write the file, or hangs, says nothing new.
void note_age(const std::string& path) {
  struct stat file;
  if (::stat(path.c_str(), &file) != 0) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto age = floor<seconds>(now) - seconds(file.st_mtim.tv_sec);
  if (age > 3 * kStatusRefresh) {
    print_note(path + " is " + std::to_string(age.count()) +
               " s old: peerd cannot write it, or hangs, and what it says may no longer be so");
  }
}

NodeStatus parse(const std::string& path, const std::string& text) {
  try {
    return parse_status(text);
  } catch (const JsonError& error) {
    throw CommandError(kExitData, path + ": " + error.what());
  }
}

// Once; on a terminal no line is longer than it is wide.
void print_once(const std::string& path, bool json) {
  const std::string text = read_status(path);
  const NodeStatus status = parse(path, text);
  TableSize size;
  if (::isatty(STDOUT_FILENO) == 1) size.columns = terminal_size(STDOUT_FILENO).columns;
  print_out(json ? text : format_table(status_table(status), size));
  check_alive(status);
  note_age(path);
}

// A terminal that shows one table, drawn over and over, and then again what it showed before.
class Screen {
 public:
  Screen() {
    ::signal(SIGTSTP, SIG_IGN);  // a shell would find the terminal as it is now
    print_out(kEnter);
  }
  ~Screen() {
    // What cannot be written is lost.
    [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, kLeave.data(), kLeave.size());
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void draw(const StatusTable& table) {
    const TerminalSize size = terminal_size(STDOUT_FILENO);
    std::string text(kHome);
    // The line feed at the end would scroll.
    for (const char c : format_table(
             table, {.columns = size.columns, .lines = std::max<std::size_t>(size.rows, 2) - 1})) {
      if (c == '\n') text += kClearToEndOfLine;
      text += c;
    }
    print_out(text + std::string(kClearBelow));
  }

 private:
  // The other screen and no cursor; the top left corner; erasing (console_codes(4)).
  static constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";
  static constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
  static constexpr std::string_view kHome = "\x1b[H";
  static constexpr std::string_view kClearToEndOfLine = "\x1b[K";
  static constexpr std::string_view kClearBelow = "\x1b[J";
};

// True a second later; false when told to stop, or when the terminal has gone.
bool goes_on(ShutdownSignals& signals) {
  return signals.wait(Clock::now() + kFollowEvery) == ShutdownSignals::Event::kTimeout;
}

void follow_on_screen(const std::string& path, ShutdownSignals& signals) {
  NodeStatus last;
  {
    Screen screen;
    do {
      last = parse(path, read_status(path));
      screen.draw(status_table(last));
    } while (!is_gone(last) && goes_on(signals));
  }
  print_out(format_table(status_table(last), {.columns = terminal_size(STDOUT_FILENO).columns}));
  check_alive(last);
}

// For files and pipes: the whole table, then the rows that have changed, each time with the total.
void follow_changes(const std::string& path, ShutdownSignals& signals) {
  std::set<StatusRow> shown;
  std::optional<StatusRow> total;
  do {
    const NodeStatus status = parse(path, read_status(path));
    const StatusTable table = status_table(status);
    const StatusTable changed = rows_changed_since(shown, table);
    if (!changed.rows.empty() || changed.total != total) {
      print_out((total ? "\n" : "") + format_table(changed, {}));
    }
    shown = {table.rows.begin(), table.rows.end()};
    total = table.total;
    check_alive(status);
  } while (goes_on(signals));
}

void follow_json(const std::string& path, ShutdownSignals& signals) {
  std::string shown;
  do {
    std::string text = read_status(path);
    const NodeStatus status = parse(path, text);
    if (text != shown) print_out(text);
    shown = std::move(text);
    check_alive(status);
  } while (goes_on(signals));
}

}  // namespace

CommandSpec status_spec() {
  return {.name = "peerctl status",
          .usage = "[--config FILE] [--follow] [--json]",
          .about = "Prints what the peerd on this host is doing, from its status file.",
          .positionals = {},
          .required_positionals = 0,
          .options = {{.name = "--config",
                       .value_name = "FILE",
                       .help = "peerd's configuration, which says where its status file is;\n"
                               "/etc/piecework/peerd.yaml unless given"},
                      {.name = "--follow",
                       .help = "keep it on the terminal until stopped;\n"
                               "elsewhere, print what has changed"},
                      {.name = "--json", .help = "print the status file as it is"}}};
}

int run_status(const CommandLine& line) {
  const std::string path = load_peerd_config(line).status_file;
  const bool json = line.has("--json");
  if (!line.has("--follow")) {
    print_once(path, json);
    return kExitOk;
  }
  ShutdownSignals signals;
  if (json) {
    follow_json(path, signals);
  } else if (is_drawable_terminal(STDOUT_FILENO)) {
    follow_on_screen(path, signals);
  } else {
    follow_changes(path, signals);
  }
  return kExitOk;
}

}  // namespace piecework::peer::peerctl
