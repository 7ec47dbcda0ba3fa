// What the main thread of a daemon does between start and stop: signals, a tick every second, the
// watchdog of the service manager, reloads.
// Belongs to the main thread.
#pragma once

#include <functional>
#include <vector>

#include "common/config_file.h"
#include "common/endpoint.h"
#include "common/service_watchdog.h"
#include "common/shutdown_signal.h"

namespace piecework {

struct DaemonTasks {
  std::function<void()> tick;    // every second
  std::function<void()> reload;  // after HUP; what it throws is logged, and the old settings stay
  std::vector<ServiceWatchdog::Loop> loops;  // that have to answer
};

// Logs where it listens, tells the service manager that it is ready, and serves until TERM or INT.
void run_daemon(ShutdownSignals& signals, const std::vector<Endpoint>& listening,
                const DaemonTasks& tasks);

// Logs `config.reloaded`: which keys have changed and are in force now, and which need a restart.
void log_reloaded(const ConfigSchema::Changes& changes);

}  // namespace piecework
