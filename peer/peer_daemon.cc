#include "peer/peer_daemon.h"

#include <unistd.h>

#include <utility>
#include <vector>

#include "common/daemon_loop.h"
#include "common/daemon_reload.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/service_notify.h"
#include "common/stop_deadline.h"
#include "common/units.h"
#include "common/version.h"
#include "peer/node_metrics.h"
#include "peer/node_status.h"
#include "peer/service_status.h"

namespace piecework::peer {
namespace {

constexpr milliseconds kStopTime{4500};

TimePoint next_progress(const PeerConfig& config) {
  const bool never = config.progress_interval == milliseconds(0);
  return never ? kNoDeadline : Clock::now() + config.progress_interval;
}

}  // namespace

PeerDaemon::PeerDaemon(const PeerConfig& config, ConfigLoader reload_from)
    : config_(config),
      reload_from_(std::move(reload_from)),
      server_(server_options(config)),
      requests_(config.state_dir, config.rescan_interval, server_),
      torrents_(config.watch_dir, config.rescan_interval, server_, trusted_keys(config)),
      status_file_(config.status_file),
      metrics_file_(config.metrics_file),
      started_(seconds_since_1970()),
      next_progress_(next_progress(config)) {}

void PeerDaemon::create_status_file(std::string_view program, PathChoice choice) {
  const PeerServer::Snapshot snapshot = server_.snapshot();
  status_file_.create(program, choice, format_status(status(snapshot)));
  metrics_file_.create(program, PathChoice::kConfigured, metrics(snapshot));
}

void PeerDaemon::run(ShutdownSignals& signals) {
  log_info("peer.started", {{"version", kVersion}});
  server_.tls().log();
  reminder_.remind(server_.tls());
  server_.start();
  torrents_.start();
  requests_.start();
  run_daemon(
      signals, server_.listening(),
      {.tick = [this] { tick(Clock::now()); },
       .reload = [this] { reload(); },
       .loops = {{"accept", [this] { server_.ask(); }, [this] { return server_.answered(); }},
                 {"watcher", [this] { torrents_.ask(); },
                  [this] { return torrents_.answered(); }}}});
  stop();
}

void PeerDaemon::stop() {
  const TimePoint from = Clock::now();
  const StopDeadline deadline(kStopTime, "peer.stop_forced");
  // The watcher may be waiting for torrents that leave: the others need not wait for it.
  torrents_.begin_stop();
  requests_.stop();
  server_.begin_stop();
  torrents_.stop();
  server_.stop();
  status_file_.remove();
  metrics_file_.remove();
  log_info("peer.stopped", {{"seconds", format_seconds(Clock::now() - from)}});
  log_flush_repeated(true);
}

void PeerDaemon::tick(TimePoint now) {
  server_.tick(now);
  const PeerServer::Snapshot snapshot = server_.snapshot();
  tell(status(snapshot));
  tell_service(snapshot.torrents);
  if (!config_.metrics_file.empty()) metrics_file_.update(metrics(snapshot), now);
  reminder_.remind(server_.tls(), now);
  if (now >= next_progress_) {
    log_progress();
    next_progress_ = next_progress(config_);
  }
}

void PeerDaemon::log_progress() const {
  for (const DownloadStatus& torrent : server_.status()) {
    if (torrent.state != DownloadState::kDownloading) continue;
    Fields fields{{"hash", torrent.info_hash.to_short_hex()},
                  {"name", torrent.name},
                  {"done", std::to_string(static_cast<int>(torrent.done() * 100)) + "%"},
                  {"bytes", torrent.bytes},
                  {"rate", static_cast<std::uint64_t>(torrent.rate_down)},
                  {"eta", eta_seconds(torrent)},
                  {"peers", torrent.peers}};
    if (!torrent.reason.empty()) fields.emplace_back("reason", torrent.reason);
    log_info("torrent.progress", fields);
  }
}

void PeerDaemon::reload() {
  PeerConfig fresh;
  reload_from_(fresh);
  // The steps that can fail come first, so that a bad configuration changes nothing. The files of
  // keys that need a restart may be gone by now, so that only those of the fresh ones are read.
  const PeerServer::Options options = server_options(fresh);
  ConfigSchema keys = peer_schema(fresh);
  keep_tls_on_or_off(keys, fresh.tls, config_.tls);
  const auto changes = keys.changes_from(peer_schema(config_));
  move_outputs("peerd", config_, fresh, metrics_file_,
               [this] { return metrics(server_.snapshot()); });
  server_.reconfigure(options);
  torrents_.trust(trusted_keys(fresh));
  if (fresh.progress_interval != config_.progress_interval) next_progress_ = next_progress(fresh);
  config_ = std::move(fresh);
  log_reloaded(changes);
  server_.tls().log();
}

// Thousands of torrents are megabytes of JSON, and mostly nothing of it has changed.
void PeerDaemon::tell(NodeStatus status) {
  if (status == told_ && status_file_.confirm()) return;
  if (status_file_.update(format_status(status))) told_ = std::move(status);
}

void PeerDaemon::tell_service(const std::vector<DownloadStatus>& torrents) {
  std::string text = service_status(torrents);
  if (text == told_service_) return;
  service_notify("STATUS=" + text);
  told_service_ = std::move(text);
}

NodeStatus PeerDaemon::status(const PeerServer::Snapshot& snapshot) const {
  NodeStatus status;
  status.version = kVersion;
  status.pid = ::getpid();
  for (const Endpoint& endpoint : server_.listening()) {
    status.listening.push_back(endpoint.to_string());
  }
  status.connections = server_.connection_count();
  status.denied = server_.denied_count();
  status.torrents = snapshot.torrents;
  return status;
}

std::string PeerDaemon::metrics(const PeerServer::Snapshot& snapshot) const {
  return format_node_metrics({.port = server_.listening().front().port,
                              .started = started_,
                              .certificate_expiry = server_.tls().expires_at(),
                              .connections = server_.connection_count(),
                              .denied = server_.denied_count(),
                              .snapshot = snapshot});
}

}  // namespace piecework::peer
