#include "peer/peerctl_status.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "common/atomic_file.h"
#include "common/command_line.h"
#include "common/json.h"
#include "common/printable.h"
#include "common/shutdown_signal.h"
#include "common/units.h"
#include "peer/node_status.h"
#include "peer/peer_config.h"
#include "peer/peerctl_io.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::uint64_t kMaxStatusBytes = 64 << 20;
constexpr seconds kFollowEvery{1};
constexpr std::size_t kNameColumn = 32;
constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";

const CommandSpec& spec() {
  static const CommandSpec value{
      .name = "peerctl status",
      .usage = "[--config FILE] [--follow] [--json]",
      .about = "Prints what the peerd on this host is doing, from its status file.",
      .positionals = {},
      .required_positionals = 0,
      .options = {{.name = "--config",
                   .value_name = "FILE",
                   .help = "peerd's configuration, which says where its status file is;\n"
                           "/etc/piecework/peerd.yaml unless given"},
                  {.name = "--follow", .help = "print it again every second, until stopped"},
                  {.name = "--json", .help = "print the status file as it is"}}};
  return value;
}

std::string status_path(const CommandLine& line) {
  PeerConfig config;
  const auto given = line.value("--config");
  peer_schema(config).load(
      given.value_or(kDefaultPeerConfig),
      given ? ConfigSchema::Missing::kIsAnError : ConfigSchema::Missing::kIsFine);
  return config.status_file;
}

std::string read_status(const std::string& path) {
  try {
    return read_small_file(path, kMaxStatusBytes);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    throw CommandError(kExitUnavailable, "no status file " + path + ": is peerd running?");
  }
}

std::string padded(std::string text, std::size_t width) {
  // Columns are characters, so the bytes inside a UTF-8 character do not count.
  const auto columns = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
  if (columns < width) text.append(width - columns, ' ');
  return text;
}

std::string percent(double done) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f%%", done * 100);
  return text;
}

std::string row(const std::string& name, const std::string& state, const std::string& done,
                const std::string& down, const std::string& up, const std::string& peers,
                const std::string& eta, const std::string& reason) {
  std::string line = padded(name, kNameColumn) + "  " + padded(state, 11) + "  " + padded(done, 6) +
                     "  " + padded(down, 12) + "  " + padded(up, 12) + "  " + padded(peers, 5) +
                     "  " + padded(eta, 6) + "  " + reason;
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string table(const NodeStatus& status) {
  std::string out = row("NAME", "STATE", "DONE", "DOWN", "UP", "PEERS", "ETA", "REASON");
  for (const DownloadStatus& torrent : status.torrents) {
    const std::uint64_t eta = eta_seconds(torrent);
    out += row(printable(torrent.name), std::string(download_state_name(torrent.state)),
               percent(torrent.done()), format_rate(torrent.rate_down),
               format_rate(torrent.rate_up), std::to_string(torrent.peers),
               eta == 0 ? "-" : format_duration(seconds(eta)), printable(torrent.reason));
  }
  return out;
}

// The daemon removes its status file when it stops; one that was killed could not.
void check_alive(const NodeStatus& status) {
  if (::kill(static_cast<pid_t>(status.pid), 0) < 0 && errno == ESRCH) {
    throw CommandError(kExitUnavailable, "peerd (pid " + std::to_string(status.pid) +
                                             ") has gone without a word; this was its last state");
  }
}

void print_status(const std::string& path, bool json, bool redraw) {
  const std::string text = read_status(path);
  NodeStatus status;
  try {
    status = parse_status(text);
  } catch (const JsonError& error) {
    throw CommandError(kExitData, path + ": " + error.what());
  }
  print_out((redraw ? std::string(kClearScreen) : "") + (json ? text : table(status)));
  check_alive(status);
}

}  // namespace

int run_status(std::span<const std::string> arguments) {
  const CommandLine line = CommandLine::parse(spec(), arguments);
  if (line.help()) {
    print_out(help_text(spec()));
    return kExitOk;
  }
  const std::string path = status_path(line);
  const bool json = line.has("--json");
  if (!line.has("--follow")) {
    print_status(path, json, false);
    return kExitOk;
  }
  ShutdownSignals signals;
  const bool redraw = !json && ::isatty(STDOUT_FILENO) == 1;
  do {
    print_status(path, json, redraw);
  } while (signals.wait(Clock::now() + kFollowEvery) != ShutdownSignals::Event::kStop);
  return kExitOk;
}

}  // namespace piecework::peer::peerctl
