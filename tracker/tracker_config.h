// The settings of trackerd, their defaults and their names in trackerd.yaml.
// Plain data: one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/config_file.h"
#include "common/endpoint.h"
#include "common/log.h"
#include "common/tls_context.h"

namespace piecework::tracker {

struct TrackerConfig {
  TrackerConfig();

  std::vector<Endpoint> listen;  // all addresses of both families
  milliseconds announce_interval = seconds(60);
  milliseconds default_swarm_expiry = std::chrono::hours(24);
  std::uint32_t max_connections = 4096;
  std::uint32_t max_connections_per_address = 1024;
  std::uint32_t max_swarms = 100'000;
  std::uint32_t max_peers = 1'000'000;
  std::vector<Network> allow;  // empty: everybody
  std::vector<Network> deny;
  std::vector<Network> trust_ip_from;
  std::vector<std::vector<Network>> networks;
  std::string status_file = "/run/piecework/trackerd/status.json";
  std::string metrics_file;  // empty: none
  TlsFiles tls;
  std::string log_file = "/var/log/piecework/trackerd/trackerd.log";
  LogLevel log_level = LogLevel::kInfo;
};

// The keys, bound to the fields of `config`.
ConfigSchema tracker_schema(TrackerConfig& config);

// What the schema cannot see. Throws ConfigError: what check_outputs() and TlsContext::load()
// throw. `keys` is the schema of `config`, and `config_file` the path that it was loaded from.
void check_settings(const TrackerConfig& config, const ConfigSchema& keys,
                    const std::string& config_file);

}  // namespace piecework::tracker
