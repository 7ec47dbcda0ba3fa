// peerd from its settings to its orderly stop: builds the node and the watched directory, and does
// in the main thread what is due every second or asked for by a signal. Belongs to the main thread.
#pragma once

#include <functional>
#include <string>

#include "common/clock.h"
#include "common/daemon_files.h"
#include "common/expiry_reminder.h"
#include "common/shutdown_signal.h"
#include "common/status_file.h"
#include "peer/node_status.h"
#include "peer/peer_config.h"
#include "peer/peer_server.h"
#include "peer/request_watcher.h"
#include "peer/torrent_directory.h"

namespace piecework::peer {

class PeerDaemon {
 public:
  // Reads the settings into a fresh object, the way the first ones were read. Throws ConfigError.
  using ConfigLoader = std::function<void(PeerConfig&)>;

  // Listens; the log is open already. Throws std::system_error naming the endpoint or the path.
  PeerDaemon(const PeerConfig& config, ConfigLoader reload_from);

  // As StatusFile::create; the metrics file as well, if one is configured.
  void create_status_file(std::string_view program, PathChoice choice);

  // Serves until TERM or INT.
  void run(ShutdownSignals& signals);

 private:
  void stop();
  void tick(TimePoint now);
  void tell(NodeStatus status);
  void tell_service(const std::vector<DownloadStatus>& torrents);
  void log_progress() const;
  void reload();
  NodeStatus status(const PeerServer::Snapshot& snapshot) const;
  std::string metrics(const PeerServer::Snapshot& snapshot) const;

  PeerConfig config_;  // what is in force
  const ConfigLoader reload_from_;
  PeerServer server_;
  RequestWatcher requests_;
  TorrentDirectory torrents_;
  StatusFile status_file_;
  NodeStatus told_;           // by the status file
  std::string told_service_;  // the service manager
  StatusFile metrics_file_;
  ExpiryReminder reminder_;
  const seconds started_;  // since 1970
  TimePoint next_progress_;
};

}  // namespace piecework::peer
