#include "tracker/tracker_daemon.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "common/daemon_files.h"
#include "common/daemon_loop.h"
#include "common/log.h"
#include "common/version.h"
#include "tracker/tracker_status.h"

namespace piecework::tracker {
namespace {

// Peers thrown out under one hold of the registry's lock.
constexpr std::size_t kExpiryBatch = 1000;

SwarmRegistry::Limits registry_limits(const TrackerConfig& config) {
  return {.swarms = config.max_swarms,
          .peers = config.max_peers,
          .renewing_expiry = config.announce_interval * 5 / 2,
          .original_expiry = config.default_swarm_expiry};
}

AnnounceService::Settings service_settings(const TrackerConfig& config) {
  return {.interval = std::chrono::floor<seconds>(config.announce_interval),
          .trusted = config.trust_ip_from,
          .networks = NetworkMap(config.networks)};
}

ConnectionThreads::Limits connection_limits(const TrackerConfig& config) {
  return {.total = config.max_connections, .per_address = config.max_connections_per_address};
}

}  // namespace

TrackerDaemon::TrackerDaemon(const TrackerConfig& config, ConfigLoader reload_from)
    : config_(config),
      reload_from_(std::move(reload_from)),
      registry_(registry_limits(config)),
      service_(registry_, service_settings(config)),
      server_(config.listen, connection_limits(config), service_),
      status_file_(config.status_file) {}

void TrackerDaemon::create_status_file(std::string_view program, PathChoice choice) {
  status_file_.create(program, choice, status());
}

void TrackerDaemon::run(ShutdownSignals& signals) {
  log_info("tracker.started", {{"version", kVersion}});
  server_.start();
  run_daemon(
      signals, server_.listening(),
      {.tick = [this] { tick(); },
       .reload = [this] { reload(); },
       .loops = {{"accept", [this] { server_.ask(); }, [this] { return server_.answered(); }}}});
  stop();
}

void TrackerDaemon::stop() {
  server_.stop();
  status_file_.remove();
  log_flush_repeated(true);
  log_info("tracker.stopped", {});
}

void TrackerDaemon::tick() {
  expire();
  announces_.sample(service_.totals().announces, Clock::now());
  status_file_.update(status());
}

void TrackerDaemon::expire() {
  while (true) {
    const auto departed = registry_.expire(Clock::now(), kExpiryBatch);
    if (log_enabled(LogLevel::kDebug)) {
      for (const auto& [swarm, peer] : departed) {
        log_debug("peer.left", {{"peer", peer.to_string()},
                                {"hash", swarm ? swarm->to_short_hex() : "default"},
                                {"reason", "expired"}});
      }
    }
    if (departed.size() < kExpiryBatch) return;
  }
}

void TrackerDaemon::reload() {
  TrackerConfig fresh;
  reload_from_(fresh);
  const auto differing = tracker_schema(config_).differences(tracker_schema(fresh));
  // The one step that can fail comes first, so that a bad configuration changes nothing.
  if (fresh.log_file != config_.log_file || fresh.log_level != config_.log_level) {
    make_parent_directories(fresh.log_file);
    log_open(fresh.log_file, fresh.log_level);
  }
  registry_.set_limits(registry_limits(fresh));
  service_.set_settings(service_settings(fresh));
  fresh.listen = config_.listen;
  fresh.max_connections = config_.max_connections;
  fresh.max_connections_per_address = config_.max_connections_per_address;
  fresh.status_file = config_.status_file;
  config_ = std::move(fresh);
  log_reloaded(differing, applies_live);
}

std::string TrackerDaemon::status() const {
  return format_tracker_status({.pid = ::getpid(),
                                .uptime = std::chrono::floor<seconds>(Clock::now() - started_),
                                .listening = server_.listening(),
                                .connections = server_.connections(),
                                .counts = registry_.counts(),
                                .totals = service_.totals(),
                                .announces_per_second = announces_.per_second()});
}

}  // namespace piecework::tracker
