#include "peer/peer_config.h"

#include <grp.h>

#include <limits>

#include "common/errors.h"
#include "common/output_paths.h"
#include "common/tls_credentials.h"
#include "peer/child_process.h"

namespace piecework::peer {
namespace {

constexpr std::uint64_t kMostLimit = std::uint64_t{1} << 40;
constexpr std::uint32_t kMostRatio = 100'000;

ConfigSchema limit_keys(TorrentLimit& limit) {
  ConfigSchema keys;
  keys.path("torrent", limit.torrent, "");
  keys.size("upload", limit.rates.upload, 0, kMostLimit, "");
  keys.size("download", limit.rates.download, 0, kMostLimit, "");
  return keys;
}

}  // namespace

ConfigSchema peer_schema(PeerConfig& config) {
  ConfigSchema keys;
  keys.endpoints("listen", config.listen,
                 "Where other peers reach this one; a port of 0 picks a free one.");
  keys.path("watch_dir", config.watch_dir, "Torrents dropped here are fetched and seeded.");
  keys.path("download_dir", config.download_dir,
            "Where their files go, as NAME.part until complete.");
  keys.path("state_dir", config.state_dir, "What is remembered between two runs.");
  keys.path("status_file", config.status_file, "What `peerctl status` reads.");
  keys.text(
      "metrics_file", config.metrics_file,
      "Figures for Prometheus: a NAME.prom that node_exporter reads. Empty: none is written.");
  keys.duration("rescan_interval", config.rescan_interval, milliseconds(100),
                std::chrono::hours(24),
                "How often watch_dir is read whole, for file systems without inotify.");
  keys.verify_keys(
      "trusted_keys", config.trusted_keys,
      "Only torrents that one of these public keys has signed are taken: 64 hex digits each, or\n"
      "the path of the NAME.pub that `peerctl keygen` writes. Empty: any torrent is.");
  keys.number<std::size_t>("max_connections", config.max_connections, 1, 100000,
                           "Connections with other peers, all torrents together. Those that come "
                           "in can take three quarters\n"
                           "of them; the rest is left for peers that are dialled.");
  keys.number<std::size_t>("max_connections_per_address", config.max_connections_per_address, 1,
                           100000, "Of these, with one address.");
  keys.networks(
      "allow", config.allow,
      "Who may be connected with (CIDR blocks, such as \"10.0.0.0/8\"); empty is everybody.");
  keys.networks("deny", config.deny, "Who may not, whatever `allow` says.");
  keys.size("upload_limit", config.bandwidth.upload_limit, 0, kMostLimit,
            "Bytes of pieces sent in a second, all torrents together; 0 is no limit.");
  keys.size("download_limit", config.bandwidth.download_limit, 0, kMostLimit, "Likewise received.");
  keys.records(
      "limits", config.limits, limit_keys,
      "The same for single torrents, which keep to both: by file name, or by 8 or more of the\n"
      "first hex digits of the info_hash. The first that fits counts; 0 is no limit:\n"
      "[{torrent: video.mp4, upload: 2MiB}, {torrent: ce4dc45d, upload: 1MiB, download: 0}]");
  keys.number<std::size_t>("upload_slots", config.bandwidth.upload_slots, 1, 100000,
                           "Peers that are served at a time, for each torrent; others take turns.");
  keys.thousandths("seed.ratio", config.seed_ratio_thousandths, kMostRatio * 1000,
                   "A complete file is served until so many bytes have been sent for each byte of "
                   "it; 0 is no limit.");
  keys.duration("seed.time", config.seed_time, seconds(0), std::chrono::hours(24 * 3650),
                "Or until it has been served for so long; 0 is no limit.");
  keys.size(
      "socket_buffer", config.socket_buffer, 0, 1 << 30,
      "Bytes that the kernel may hold for each connection and direction; 0 is its own choice.");
  keys.text("announce_address", config.announce_address,
            "The address to tell trackers that trust this network, on hosts with several.");
  keys.size("min_free_space", config.min_free_space, 0, std::numeric_limits<std::int64_t>::max(),
            "Bytes to leave free in download_dir.");
  keys.size(
      "watermark.low", config.watermark.low, 0, std::numeric_limits<std::int64_t>::max(),
      "Below so many free bytes in download_dir the oldest complete downloads are removed, those\n"
      "that this peerd has fetched and nobody has changed; 0 removes nothing.");
  keys.size("watermark.high", config.watermark.high, 0, std::numeric_limits<std::int64_t>::max(),
            "Until so many bytes are free; 0 is as much as low.");
  keys.command("on_complete", config.on_complete,
               "A program to run when a download completes, and its arguments; see peerd(8).");
  keys.duration("on_complete_timeout", config.on_complete_timeout, seconds(1),
                std::chrono::hours(24 * 7), "It is ended when it takes longer.");
  keys.duration("progress_interval", config.progress_interval, seconds(0), std::chrono::hours(24),
                "How often each running download is logged; 0 is never.");
  keys.file_mode("file_mode", config.file_mode, "Permissions of downloaded files, in octal.");
  keys.text("group", config.group, "Group of downloaded files; empty for the daemon's own.");
  add_tls_keys(keys, config.tls);
  keys.path("log.file", config.log_file, "\"-\" logs to stderr.");
  keys.log_level("log.level", config.log_level, "error, warn, info or debug.");
  keys.need_restart({"listen", "watch_dir", "download_dir", "state_dir", "status_file",
                     "rescan_interval", "socket_buffer", "announce_address", "min_free_space",
                     "file_mode", "group"});
  return keys;
}

void check_settings(const PeerConfig& config, const ConfigSchema& keys,
                    const std::string& config_file) {
  check_outputs(keys, {.configuration = config_file,
                       .log = config.log_file,
                       .status = config.status_file,
                       .metrics = config.metrics_file});
  keys.check([&] { server_options(config); });
  check_directories(keys, {{"watch_dir", config.watch_dir},
                           {"download_dir", config.download_dir},
                           {"state_dir", config.state_dir}});
  if (config.watermark.high != 0 && config.watermark.low == 0) {
    keys.refuse("watermark.high", "does nothing without watermark.low");
  }
  if (config.watermark.high != 0 && config.watermark.high < config.watermark.low) {
    keys.refuse("watermark.high", "must not be less than watermark.low");
  }
  if (config.on_complete.empty()) return;
  const std::string& program = config.on_complete.front();
  const std::string problem = program_problem(program);
  if (!problem.empty()) keys.refuse("on_complete", program + ": " + problem);
}

std::vector<VerifyKey> trusted_keys(const PeerConfig& config) {
  std::vector<VerifyKey> keys;
  for (const ConfiguredKey& configured : config.trusted_keys) keys.push_back(configured.key);
  return keys;
}

PeerServer::Options server_options(const PeerConfig& config) {
  PeerServer::Options options;
  options.listen = config.listen;
  options.download_dir = config.download_dir;
  options.state_dir = config.state_dir;
  options.min_free_bytes = config.min_free_space;
  options.socket_buffer_bytes = static_cast<int>(config.socket_buffer);
  options.limits = connection_limits(config.max_connections, config.max_connections_per_address);
  options.access = AccessList(config.allow, config.deny);
  options.bandwidth = config.bandwidth;
  options.torrent_limits = config.limits;
  options.seed_limits = {config.seed_ratio_thousandths,
                         static_cast<std::uint32_t>(ceil<seconds>(config.seed_time).count())};
  options.space = config.watermark;
  options.on_complete = {config.on_complete, config.on_complete_timeout};
  options.tls = TlsContext::load(config.tls);
  options.ownership.file_mode = config.file_mode;
  if (!config.announce_address.empty()) {
    options.announce_address = IpAddress::parse(config.announce_address);
    if (!options.announce_address) {
      throw SettingError("announce_address", config.announce_address + " is no IP address");
    }
    if (options.announce_address->is_unspecified()) {
      throw SettingError("announce_address", config.announce_address + " is no host's address");
    }
  }
  if (!config.group.empty()) {
    const ::group* const found = ::getgrnam(config.group.c_str());
    if (found == nullptr) throw SettingError("group", "there is no group called " + config.group);
    options.ownership.group = found->gr_gid;
  }
  return options;
}

}  // namespace piecework::peer
