#include "tracker/tracker_daemon.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/daemon_files.h"
#include "common/daemon_loop.h"
#include "common/daemon_reload.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/version.h"
#include "tracker/tracker_metrics.h"
#include "tracker/tracker_status.h"

namespace piecework::tracker {
namespace {

// Peers thrown out under one hold of the registry's lock, or looked at.
constexpr std::size_t kExpiryBatch = 1000;
constexpr std::size_t kDenialBatch = 10'000;

AccessList access_list(const TrackerConfig& config) {
  return {config.allow, config.deny};
}

void log_departed(const std::vector<SwarmRegistry::Departed>& departed, std::string_view reason) {
  if (!log_enabled(LogLevel::kDebug)) return;
  for (const auto& [swarm, peer] : departed) {
    log_debug("peer.left", {{"peer", peer.to_string()},
                            {"hash", swarm ? swarm->to_short_hex() : "default"},
                            {"reason", reason}});
  }
}

SwarmRegistry::Limits registry_limits(const TrackerConfig& config) {
  return {.swarms = config.max_swarms,
          .peers = config.max_peers,
          .renewing_expiry = config.announce_interval * 5 / 2,
          .original_expiry = config.default_swarm_expiry};
}

AnnounceService::Settings service_settings(const TrackerConfig& config) {
  return {.interval = std::chrono::floor<seconds>(config.announce_interval),
          .trusted = config.trust_ip_from,
          .networks = NetworkMap(config.networks),
          .access = access_list(config)};
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
      tls_(TlsContext::load(config.tls)),
      server_(config.listen, connection_limits(config), access_list(config), service_, tls_),
      status_file_(config.status_file),
      metrics_file_(config.metrics_file),
      started_at_(seconds_since_1970()) {}

void TrackerDaemon::create_status_file(std::string_view program, PathChoice choice) {
  const TrackerStatus now = status();
  status_file_.create(program, choice, format_tracker_status(now));
  metrics_file_.create(program, PathChoice::kConfigured, metrics(now));
}

void TrackerDaemon::run(ShutdownSignals& signals) {
  log_info("tracker.started", {{"version", kVersion}});
  tls_.log();
  reminder_.remind(tls_);
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
  metrics_file_.remove();
  log_flush_repeated(true);
  log_info("tracker.stopped", {});
}

void TrackerDaemon::tick() {
  expire();
  announces_.sample(service_.totals().announces, Clock::now());
  const TrackerStatus now = status();
  status_file_.update(format_tracker_status(now));
  metrics_file_.update(metrics(now));
  reminder_.remind(tls_);
}

void TrackerDaemon::expire() {
  while (true) {
    const auto departed = registry_.expire(Clock::now(), kExpiryBatch);
    log_departed(departed, "expired");
    if (departed.size() < kExpiryBatch) return;
  }
}

void TrackerDaemon::take_out_denied() {
  const AccessList access = access_list(config_);
  std::optional<std::size_t> next;
  do {
    log_departed(registry_.take_out_denied(access, kDenialBatch, next), "denied");
  } while (next);
}

void TrackerDaemon::reload() {
  TrackerConfig fresh;
  reload_from_(fresh);
  // The steps that can fail come first, so that a bad configuration changes nothing. The files of
  // keys that need a restart may be gone by now, so that only those of the fresh ones are read.
  auto tls = TlsContext::load(fresh.tls);
  ConfigSchema keys = tracker_schema(fresh);
  keep_tls_on_or_off(keys, fresh.tls, config_.tls);
  const auto changes = keys.changes_from(tracker_schema(config_));
  move_outputs("trackerd", config_, fresh, metrics_file_, [this] { return metrics(status()); });
  registry_.set_limits(registry_limits(fresh));
  service_.set_settings(service_settings(fresh));
  server_.set_limits(connection_limits(fresh));
  server_.set_access(access_list(fresh));
  tls_.replace(std::move(tls));
  config_ = std::move(fresh);
  take_out_denied();
  log_reloaded(changes);
  tls_.log();
}

TrackerStatus TrackerDaemon::status() const {
  return {.pid = ::getpid(),
          .uptime = std::chrono::floor<seconds>(Clock::now() - started_),
          .listening = server_.listening(),
          .connections = server_.connections(),
          .denied = server_.denied(),
          .counts = registry_.counts(),
          .totals = service_.totals(),
          .announces_per_second = announces_.per_second()};
}

std::string TrackerDaemon::metrics(const TrackerStatus& status) const {
  return format_tracker_metrics(status, started_at_, tls_.expires_at());
}

}  // namespace piecework::tracker
