#include "peer/peerctl_get.h"

#include <optional>

#include "common/command_line.h"
#include "common/daemon_files.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/printable.h"
#include "common/shutdown_signal.h"
#include "common/units.h"
#include "peer/peer_server.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_keys.h"
#include "peer/peerctl_tls.h"
#include "peer/progress.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::string_view kDefaultListen[] = {"0.0.0.0:0", "[::]:0"};
constexpr milliseconds kLookEvery{100};  // how often the display follows the download

// Follows one download on the display, and knows when it has stood still for too long.
class Follower {
 public:
  Follower(const Torrent& torrent, milliseconds timeout)
      : progress_(torrent.file_name, torrent.layout.file_length()), timeout_(timeout) {}

  void follow(const DownloadStatus& status) {
    const TimePoint now = Clock::now();
    if (status.state != DownloadState::kChecking) {
      const std::uint64_t present = status.bytes - std::min(status.bytes, status.received);
      if (present > present_) progress_.add_present(present - present_);
      present_ = std::max(present_, present);
      if (status.received > received_) progress_.add(status.received - received_);
    }
    const bool moved = status.bytes != bytes_ || status.received != received_;
    if (moved || status.state == DownloadState::kChecking) moved_ = now;
    bytes_ = status.bytes;
    received_ = status.received;
    std::string extra = std::to_string(status.peers) + (status.peers == 1 ? " peer" : " peers");
    if (!status.reason.empty()) extra += ", " + status.reason;
    progress_.set_extra(extra);
  }

  bool stands_still() const {
    return timeout_ > milliseconds(0) && Clock::now() - moved_ >= timeout_;
  }
  void finish() { progress_.finish(); }

 private:
  Progress progress_;
  const milliseconds timeout_;
  std::uint64_t bytes_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t present_ = 0;
  TimePoint moved_ = Clock::now();
};

milliseconds timeout_of(const CommandLine& line) {
  const auto word = line.value("--timeout");
  if (!word) return milliseconds(0);
  const auto timeout = parse_duration(*word);
  if (!timeout) throw UsageError("--timeout: " + *word + " is no time, like 90s or 10m");
  return *timeout;
}

void note_complete(const DownloadStatus& status) {
  print_note(printable(status.name) + ": complete, " + std::to_string(status.length) +
             " bytes, of which " + std::to_string(status.received) + " received, " +
             std::to_string(status.sent) + " sent");
}

int follow_to_end(PeerServer& server, ShutdownSignals& signals, const Torrent& torrent,
                  milliseconds timeout, bool seed) {
  Follower follower(torrent, timeout);
  bool complete = false;
  while (true) {
    const bool stopped = signals.wait(Clock::now() + kLookEvery) == ShutdownSignals::Event::kStop;
    server.tick(Clock::now());
    // Stopping takes its time, and what was on its way may make it complete.
    const DownloadStatus status = (stopped ? server.stop() : server.status()).front();
    if (complete) {
      if (stopped) return kExitOk;
      continue;
    }
    follower.follow(status);
    if (status.state == DownloadState::kError) {
      throw CommandError(kExitIo, printable(status.reason));
    }
    if (status.state == DownloadState::kSeeding) {
      follower.finish();
      if (!status.reason.empty()) throw CommandError(kExitData, printable(status.reason));
      note_complete(status);
      if (!seed || stopped) return kExitOk;
      complete = true;
    } else if (stopped) {
      throw CommandError(kExitTempFail, "stopped; what has arrived is kept for the next time");
    } else if (follower.stands_still()) {
      throw CommandError(kExitTempFail, "no progress for " + format_duration(timeout) +
                                            (status.reason.empty() ? "" : ": " + status.reason));
    }
  }
}

}  // namespace

CommandSpec get_spec() {
  return {.name = "peerctl get",
          .usage =
              "TORRENT [-o DIR] [--seed] [--timeout TIME] [--listen ADDRESS:PORT]... "
              "[--trusted-key KEY]... [--tls-...]",
          .about =
              "Fetches what TORRENT describes, from the peers that its tracker knows, without a\n"
              "daemon, and serves the pieces it has while it does. A NAME.part in DIR is checked\n"
              "and used; a complete NAME is checked, and then there is nothing to do.",
          .positionals = {"TORRENT"},
          .required_positionals = 1,
          .options = with_tls_options(
              {{.name = "-o", .value_name = "DIR", .help = "where to; here unless given"},
               {.name = "--seed", .help = "go on serving when it is complete, until stopped"},
               {.name = "--timeout",
                .value_name = "TIME",
                .help = "exit 75 after so long without progress: 90s, 10m, 2h"},
               {.name = "--listen",
                .value_name = "ADDRESS:PORT",
                .help = "where other peers reach us, a free port of 0.0.0.0 and [::]\n"
                        "unless given",
                .repeatable = true},
               {.name = "--trusted-key",
                .value_name = "KEY",
                .help = "take TORRENT only when it is signed with this public key: 64 hex digits\n"
                        "or a file; may be given several times, for one of several",
                .repeatable = true},
               {.name = "--verbose", .help = "print the log of all that happens"}})};
}

int run_get(const CommandLine& line) {
  const milliseconds timeout = timeout_of(line);
  log_open("-", line.has("--verbose") ? LogLevel::kInfo : LogLevel::kError);
  ShutdownSignals signals;
  const Torrent torrent = load_trusted_torrent(line.positionals().front(), trusted_keys_of(line));
  PeerServer::Options options;
  options.listen = listen_endpoints(line, kDefaultListen);
  options.tls = tls_of(line);
  options.download_dir = line.value("-o").value_or(".");
  std::optional<PeerServer> server;
  try {
    server.emplace(options);
  } catch (const CreateError& error) {
    throw CommandError(kExitCantCreate, error.what());
  } catch (const std::system_error& error) {
    throw CommandError(kExitUnavailable, error.what());
  }
  server->start();
  server->add(torrent, line.positionals().front());
  return follow_to_end(*server, signals, torrent, timeout, line.has("--seed"));
}

}  // namespace piecework::peer::peerctl
