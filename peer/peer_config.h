// The settings of peerd: every key has a default, and no file at all is a working set-up.
// Plain data.
#pragma once

#include <string>
#include <vector>

#include "common/clock.h"
#include "common/config_file.h"
#include "common/endpoint.h"
#include "common/log.h"
#include "common/tls_context.h"
#include "peer/peer_server.h"

namespace piecework::peer {

inline constexpr const char* kDefaultPeerConfig = "/etc/piecework/peerd.yaml";

struct PeerConfig {
  std::vector<Endpoint> listen{*Endpoint::parse("0.0.0.0:5555"), *Endpoint::parse("[::]:5555")};
  std::string watch_dir = "/var/lib/piecework/peerd/torrents";
  std::string download_dir = "/var/lib/piecework/peerd/downloads";
  std::string state_dir = "/var/lib/piecework/peerd/state";
  std::string status_file = "/run/piecework/peerd/status.json";
  std::string metrics_file;                 // empty: none
  std::vector<ConfiguredKey> trusted_keys;  // empty: any torrent is taken
  milliseconds rescan_interval = seconds(30);
  std::size_t max_connections = 512;
  std::size_t max_connections_per_address = 256;
  std::vector<Network> allow;  // empty: everybody
  std::vector<Network> deny;
  Bandwidth::Settings bandwidth;
  std::vector<TorrentLimit> limits;
  std::uint32_t seed_ratio_thousandths = 0;  // 0: no limit
  milliseconds seed_time{0};                 // likewise
  std::uint64_t socket_buffer = 0;           // bytes each way; 0: the kernel's choice
  std::string announce_address;              // empty: what the tracker sees
  std::uint64_t min_free_space = 0;
  std::vector<std::string> on_complete;  // a program and its arguments
  milliseconds on_complete_timeout = std::chrono::hours(1);
  SpaceMarks watermark;
  milliseconds progress_interval = seconds(10);
  unsigned file_mode = 0644;
  std::string group;  // empty: the daemon's own
  TlsFiles tls;
  std::string log_file = "/var/log/piecework/peerd/peerd.log";
  LogLevel log_level = LogLevel::kInfo;
};

// The keys, bound to the fields of `config`, which must outlive the result.
ConfigSchema peer_schema(PeerConfig& config);

// What the schema cannot see. Throws ConfigError: what check_outputs() and server_options() throw,
// when two directories are one, the marks make no sense together, or on_complete cannot be run.
// `keys` is the schema of `config`, and `config_file` the path that it was loaded from.
void check_settings(const PeerConfig& config, const ConfigSchema& keys,
                    const std::string& config_file);

// Of trusted_keys.
std::vector<VerifyKey> trusted_keys(const PeerConfig& config);

// For the node. Throws SettingError when announce_address is no host's address, there is no such
// group, or a file of TLS cannot be taken.
PeerServer::Options server_options(const PeerConfig& config);

}  // namespace piecework::peer
