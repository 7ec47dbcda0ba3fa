#include "common/daemon_loop.h"

#include <algorithm>
#include <exception>

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

void append_word(std::string& list, const std::string& word) {
  if (!list.empty()) list += ',';
  list += word;
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

void log_reloaded(const std::vector<std::string>& differing,
                  const std::function<bool(const std::string&)>& applies_live) {
  std::string changed;
  std::string needs_restart;
  for (const std::string& key : differing) {
    append_word(applies_live(key) ? changed : needs_restart, key);
  }
  log_info("config.reloaded", {{"changed", changed}, {"needs_restart", needs_restart}});
}

}  // namespace piecework
