// trackerd from its settings to its orderly stop: builds registry, service and server, and does in
// the main thread what is due every second or asked for by a signal.
// Belongs to the main thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/daemon_files.h"
#include "common/expiry_reminder.h"
#include "common/rate_meter.h"
#include "common/shutdown_signal.h"
#include "common/status_file.h"
#include "common/tls_credentials.h"
#include "tracker/announce_service.h"
#include "tracker/swarm_registry.h"
#include "tracker/tracker_config.h"
#include "tracker/tracker_server.h"
#include "tracker/tracker_status.h"

namespace piecework::tracker {

class TrackerDaemon {
 public:
  // Reads the settings into a fresh object, the way the first ones were read. Throws ConfigError.
  using ConfigLoader = std::function<void(TrackerConfig&)>;

  // Listens; the log is open already. Throws std::system_error naming the endpoint,
  // ConfigError when a file of TLS cannot be taken.
  TrackerDaemon(const TrackerConfig& config, ConfigLoader reload_from);

  // As StatusFile::create; the metrics file as well, if one is configured.
  void create_status_file(std::string_view program, PathChoice choice);

  // Serves until TERM or INT.
  void run(ShutdownSignals& signals);

 private:
  void stop();
  void tick();
  void expire();
  void take_out_denied();
  void reload();
  TrackerStatus status() const;
  std::string metrics(const TrackerStatus& status) const;

  TrackerConfig config_;  // what is in force
  const ConfigLoader reload_from_;
  SwarmRegistry registry_;
  AnnounceService service_;
  TlsCredentials tls_;
  TrackerServer server_;
  StatusFile status_file_;
  StatusFile metrics_file_;
  ExpiryReminder reminder_;
  const TimePoint started_ = Clock::now();
  const seconds started_at_;  // since 1970
  RateMeter announces_;
};

}  // namespace piecework::tracker
