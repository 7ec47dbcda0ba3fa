#include "tracker/tracker_config.h"

#include "common/output_paths.h"
#include "common/tls_credentials.h"

namespace piecework::tracker {

TrackerConfig::TrackerConfig()
    : listen{*Endpoint::parse("0.0.0.0:6666"), *Endpoint::parse("[::]:6666")} {}

ConfigSchema tracker_schema(TrackerConfig& config) {
  constexpr std::uint32_t kMost = 100'000'000;
  constexpr milliseconds kYear = std::chrono::hours(24 * 365);
  ConfigSchema schema;
  schema.endpoints("listen", config.listen,
                   "Where peers connect. Port 0 picks a free one, the same in both families; the\n"
                   "log's `listening` lines and the status file name it.");
  schema.duration("announce_interval", config.announce_interval, seconds(1), std::chrono::hours(24),
                  "How often peers are asked to announce themselves. One that has not done so for\n"
                  "two and a half times as long is forgotten.");
  schema.duration("default_swarm_expiry", config.default_swarm_expiry, seconds(1), kYear,
                  "How long a peer is remembered that announces itself only once, as the original\n"
                  "program does.");
  schema.number<std::uint32_t>("max_connections", config.max_connections, 1, 1'000'000,
                               "Connections at a time, each with a thread.");
  schema.number<std::uint32_t>("max_connections_per_address", config.max_connections_per_address, 1,
                               1'000'000, "The same for any one address.");
  schema.number<std::uint32_t>("max_swarms", config.max_swarms, 1, kMost,
                               "Torrents known at a time; more are refused.");
  schema.number<std::uint32_t>("max_peers", config.max_peers, 1, kMost,
                               "Peers known at a time, in all swarms together; more are refused.");
  schema.networks("allow", config.allow,
                  "Who may connect and be told of (CIDR blocks, such as \"10.0.0.0/8\"); empty is "
                  "everybody.");
  schema.networks("deny", config.deny, "Who may not, whatever `allow` says.");
  schema.networks(
      "trust_ip_from", config.trust_ip_from,
      "Networks whose peers may announce another address than the one they come from\n"
      "(CIDR blocks, such as \"10.0.0.0/8\"): those behind the same NAT as the tracker.");
  schema.network_groups("networks", config.networks,
                        "Networks whose peers are near each other, such as racks or sites; each a "
                        "list of CIDR blocks,\n"
                        "for example [[\"10.1.0.0/16\", \"fd00:1::/64\"], [\"10.2.0.0/16\"]]. The "
                        "longest block that an\n"
                        "address is in decides. Peers are told of those in their own network "
                        "first, and of some others.");
  schema.text(
      "status_file", config.status_file,
      "JSON that says how many swarms, peers and announces there are. Empty: none is written.");
  schema.text(
      "metrics_file", config.metrics_file,
      "Figures for Prometheus: a NAME.prom that node_exporter reads. Empty: none is written.");
  add_tls_keys(schema, config.tls);
  schema.path("log.file", config.log_file, "\"-\" logs to stderr.");
  schema.log_level("log.level", config.log_level, "error, warn, info or debug.");
  schema.need_restart({"listen", "status_file"});
  return schema;
}

void check_settings(const TrackerConfig& config, const ConfigSchema& keys,
                    const std::string& config_file) {
  check_outputs(keys, {.configuration = config_file,
                       .log = config.log_file,
                       .status = config.status_file,
                       .metrics = config.metrics_file});
  keys.check([&] { TlsContext::load(config.tls); });
}

}  // namespace piecework::tracker
