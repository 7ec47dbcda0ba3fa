#include "common/daemon_loop.h"

#include <algorithm>
#include <exception>
#include <string>

#include "common/log.h"
#include "common/service_notify.h"

namespace piecework {
namespace {

constexpr seconds kTick{1};

void announce_ready(const std::vector<Endpoint>& listening) {
  for (const Endpoint& endpoint : listening) {
    log_info("listening", {{"address", endpoint.to_string()}});
  }
  service_notify("READY=1\nSTATUS=Listening on " + listening.front().to_string());
}

void reload(const DaemonTasks& tasks) {
  service_notify_reloading();
  try {
    tasks.reload();
  } catch (const std::exception& error) {
    log_error("config.rejected", {{"reason", error.what()}});
  }
  service_notify("READY=1");
}

std::string comma_separated(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ",") + word;
  return list;
}

}  // namespace

void run_daemon(ShutdownSignals& signals, const std::vector<Endpoint>& listening,
                const DaemonTasks& tasks) {
  announce_ready(listening);
  ServiceWatchdog watchdog(tasks.loops, service_watchdog_interval());
  const auto period = std::min<milliseconds>(kTick, watchdog.period().value_or(kTick));
  Deadline next_tick = Clock::now() + period;
  while (true) {
    switch (signals.wait(next_tick)) {
      case ShutdownSignals::Event::kStop: service_notify("STOPPING=1"); return;
      case ShutdownSignals::Event::kReload: reload(tasks); break;
      case ShutdownSignals::Event::kReopenLog: log_reopen(); break;
      case ShutdownSignals::Event::kTimeout:
        tasks.tick();
        log_flush_repeated(false);
        watchdog.tend(Clock::now());
        next_tick = Clock::now() + period;
        break;
    }
  }
}

void log_reloaded(const ConfigSchema::Changes& changes) {
  log_info("config.reloaded", {{"changed", comma_separated(changes.taken)},
                               {"needs_restart", comma_separated(changes.need_restart)}});
}

}  // namespace piecework
