#include "peer/peerctl_request.h"

#include <pwd.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "common/atomic_file.h"
#include "common/command_line.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/printable.h"
#include "peer/node_status.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_local.h"
#include "peer/request_files.h"
#include "peer/torrent_lookup.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::string_view kTorrentSuffix = ".torrent";
constexpr std::size_t kNamedAtMost = 5;  // of those that an ambiguous word may mean

CommandSpec spec_of(std::string_view name, std::string_view about) {
  return {.name = name,
          .usage = "TORRENT [--config FILE]",
          .about = about,
          .positionals = {"TORRENT"},
          .required_positionals = 1,
          .options = {{.name = "--config",
                       .value_name = "FILE",
                       .help = "peerd's configuration, which says where its directories are;\n"
                               "/etc/piecework/peerd.yaml unless given"}}};
}

// Nothing when it does not run, or says nothing of itself.
std::optional<NodeStatus> running_status(const PeerConfig& config) {
  try {
    NodeStatus status = parse_status(read_small_file(config.status_file, kMaxStatusBytes));
    if (!is_gone(status)) return status;
  } catch (const std::system_error&) {
  } catch (const JsonError&) {
  }
  return std::nullopt;
}

// Those in the watched directory: what peerd has when it runs, or will have in a moment.
std::vector<NamedTorrent> watched_torrents(const PeerConfig& config) {
  std::vector<NamedTorrent> torrents;
  std::error_code error;
  std::filesystem::directory_iterator entries(config.watch_dir, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string path = entries->path().string();
    if (!path.ends_with(kTorrentSuffix)) continue;
    try {
      const Torrent torrent = read_torrent(path);
      torrents.push_back({torrent.info_hash, torrent.file_name});
    } catch (const std::exception&) {  // peerd has none from it either
    }
  }
  return torrents;
}

std::vector<NamedTorrent> running_torrents(const std::optional<NodeStatus>& status) {
  std::vector<NamedTorrent> torrents;
  if (!status) return torrents;
  for (const DownloadStatus& torrent : status->torrents) {
    torrents.push_back({torrent.info_hash, torrent.name});
  }
  return torrents;
}

[[noreturn]] void throw_ambiguous(const std::string& word, const std::vector<NamedTorrent>& found) {
  std::string text = printable(word) + " may mean " + std::to_string(found.size()) + " torrents:";
  for (std::size_t i = 0; i < found.size() && i < kNamedAtMost; ++i) {
    text +=
        (i == 0 ? " " : ", ") + found[i].info_hash.to_short_hex() + " " + printable(found[i].name);
  }
  throw CommandError(kExitUsage, text + (found.size() > kNamedAtMost ? ", …" : ""));
}

bool is_missing(const std::string& path) {
  std::error_code error;  // what cannot be looked at is not missing
  return std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found;
}

[[noreturn]] void throw_never_run(const PeerConfig& config) {
  throw CommandError(kExitNoInput, "no peerd has run here with this configuration: there is no " +
                                       config.state_dir + ", its state_dir; --config FILE names " +
                                       "another configuration");
}

// What is called that is looked for first; a torrent file stands for the torrent it describes.
NamedTorrent resolve(const std::string& word, const PeerConfig& config,
                     const std::optional<NodeStatus>& status) {
  const bool is_file = word.find('/') != std::string::npos ||
                       (word.ends_with(kTorrentSuffix) && std::filesystem::exists(word));
  const std::string wanted = is_file ? load_torrent(word).info_hash.to_hex() : word;
  auto found = find_torrents(running_torrents(status), wanted);
  if (found.empty()) found = find_torrents(watched_torrents(config), wanted);
  if (found.size() > 1) throw_ambiguous(word, found);
  if (found.size() == 1) return found.front();
  if (!status && is_missing(config.state_dir)) throw_never_run(config);
  throw CommandError(kExitNoInput, "peerd has no torrent " + printable(word) +
                                       "; give a file name, an info_hash or at least " +
                                       std::to_string(kLeastPrefix) +
                                       " digits of one, or a torrent file");
}

std::string owner_of(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) < 0) return "peerd";
  const passwd* const owner = ::getpwuid(status.st_uid);
  return owner == nullptr ? "uid " + std::to_string(status.st_uid) : owner->pw_name;
}

[[noreturn]] void fail(const std::system_error& error, const PeerConfig& config) {
  if (error.code() == std::errc::permission_denied ||
      error.code() == std::errc::operation_not_permitted) {
    throw CommandError(kExitRefused, std::string(error.what()) + "; state_dir belongs to " +
                                         owner_of(config.state_dir) +
                                         ": do it as that user, or as root");
  }
  if (error.code() == std::errc::no_such_file_or_directory) {
    throw_never_run(config);
  }
  throw error;
}

// Both print what was asked for, and a note when nobody is there to do it.
struct Action {
  std::string_view done;                                            // "paused"
  bool (*act)(const std::string& state_dir, const InfoHash& hash);  // false: there is no need
  std::string_view no_need = {};
};

template <Request kRequest>
bool place(const std::string& state_dir, const InfoHash& hash) {
  place_request(state_dir, hash, kRequest);
  return true;
}

template <Request kRequest>
bool take(const std::string& state_dir, const InfoHash& hash) {
  return take_request(state_dir, hash, kRequest);
}

int run(const Action& action, const CommandLine& line) {
  const PeerConfig config = load_peerd_config(line);
  if (config.state_dir.empty()) {
    throw ConfigError("state_dir: is empty, so peerd takes no requests");
  }
  const auto status = running_status(config);
  const NamedTorrent torrent = resolve(line.positionals().front(), config, status);
  const std::string name = printable(torrent.name) + " (" + torrent.info_hash.to_short_hex() + ")";
  try {
    const bool changed = action.act(config.state_dir, torrent.info_hash);
    print_note(name + ": " + std::string(changed ? action.done : action.no_need));
    if (changed && !status) print_note("peerd does not run; this is for when it does");
  } catch (const std::system_error& error) {
    fail(error, config);
  }
  return kExitOk;
}

}  // namespace

CommandSpec recheck_spec() {
  return spec_of("peerctl recheck",
                 "Has peerd verify all that it holds of TORRENT again, and fetch what\n"
                 "does not match, also of a complete file. Who may write to its\n"
                 "state_dir may ask for that.");
}

CommandSpec pause_spec() {
  return spec_of("peerctl pause",
                 "Has peerd hold TORRENT: nothing is sent or fetched until it is\n"
                 "resumed, also after a restart. Who may write to its state_dir may\n"
                 "ask for that.");
}

CommandSpec resume_spec() {
  return spec_of("peerctl resume", "Has peerd go on with a TORRENT that was paused.");
}

int run_recheck(const CommandLine& line) {
  return run({.done = "is to be verified again", .act = place<Request::kRecheck>}, line);
}

int run_pause(const CommandLine& line) {
  return run({.done = "is to be paused", .act = place<Request::kPause>}, line);
}

int run_resume(const CommandLine& line) {
  return run({.done = "is to go on", .act = take<Request::kPause>, .no_need = "was not paused"},
             line);
}

}  // namespace piecework::peer::peerctl
