#include "peer/peer_daemon.h"

#include <unistd.h>

#include <chrono>
#include <exception>
#include <utility>
#include <vector>

#include "common/log.h"
#include "common/service_notify.h"
#include "common/units.h"
#include "common/version.h"
#include "peer/node_status.h"

namespace piecework::peer {
namespace {

constexpr seconds kTick{1};

// Keys that a running daemon takes over.
bool applies_live(const std::string& key) {
  return key == "log.file" || key == "log.level" || key == "progress_interval";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}

}  // namespace

PeerDaemon::PeerDaemon(const PeerConfig& config, ConfigLoader reload_from)
    : config_(config),
      reload_from_(std::move(reload_from)),
      server_(config.server_options()),
      torrents_(config.watch_dir, config.rescan_interval, server_),
      status_file_(config.status_file),
      next_progress_(Clock::now() + config.progress_interval) {}

void PeerDaemon::create_status_file(std::string_view program, PathChoice choice) {
  status_file_.create(program, choice, status());
}

void PeerDaemon::run(ShutdownSignals& signals) {
  start();
  Deadline next_tick = Clock::now() + kTick;
  for (bool stopping = false; !stopping;) {
    switch (signals.wait(next_tick)) {
      case ShutdownSignals::Event::kStop:
        stopping = true;
        break;
      case ShutdownSignals::Event::kReload:
        reload();
        break;
      case ShutdownSignals::Event::kReopenLog:
        log_reopen();
        break;
      case ShutdownSignals::Event::kTimeout:
        tick(Clock::now());
        next_tick = Clock::now() + kTick;
        break;
    }
  }
  stop();
}

void PeerDaemon::start() {
  log_info("peer.started", {{"version", kVersion}, {"pid", ::getpid()}});
  for (const Endpoint& endpoint : server_.listening()) {
    log_info("listening", {{"address", endpoint.to_string()}});
  }
  server_.start();
  torrents_.start();
  service_notify("READY=1\nSTATUS=Listening on " + server_.listening().front().to_string());
}

void PeerDaemon::stop() {
  const TimePoint from = Clock::now();
  service_notify("STOPPING=1");
  torrents_.stop();
  server_.stop();
  status_file_.remove();
  log_info("peer.stopped", {{"seconds", format_seconds(Clock::now() - from)}});
  log_flush_repeated(true);
}

void PeerDaemon::tick(TimePoint now) {
  server_.tick(now);
  status_file_.update(status());
  if (now >= next_progress_) {
    log_progress();
    next_progress_ = now + config_.progress_interval;
  }
  log_flush_repeated(false);
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
  service_notify_reloading();
  try {
    PeerConfig fresh;
    reload_from_(fresh);
    apply(fresh);
  } catch (const std::exception& error) {
    log_error("config.rejected", {{"reason", error.what()}});
  }
  service_notify("READY=1");
}

void PeerDaemon::apply(const PeerConfig& fresh) {
  std::vector<std::string> changed;
  std::vector<std::string> need_restart;
  PeerConfig wanted = fresh;
  for (std::string& key : config_.schema().differences(wanted.schema())) {
    (applies_live(key) ? changed : need_restart).push_back(std::move(key));
  }
  // The one step that can fail comes first, so that a bad configuration changes nothing.
  if (fresh.log_file != config_.log_file || fresh.log_level != config_.log_level) {
    make_parent_directories(fresh.log_file);
    log_open(fresh.log_file, fresh.log_level);
  }
  config_.log_file = fresh.log_file;
  config_.log_level = fresh.log_level;
  config_.progress_interval = fresh.progress_interval;
  log_info("config.reloaded",
           {{"changed", joined(changed)}, {"needs_restart", joined(need_restart)}});
}

std::string PeerDaemon::status() const {
  NodeStatus status;
  status.version = kVersion;
  status.pid = ::getpid();
  for (const Endpoint& endpoint : server_.listening()) {
    status.listening.push_back(endpoint.to_string());
  }
  status.connections = server_.connection_count();
  status.torrents = server_.status();
  return format_status(status);
}

}  // namespace piecework::peer
