// Feeds the watchdog of the service manager (WATCHDOG=1, sd_notify(3)) only while every loop of the
// daemon answers: each is asked now and then, and one that is silent for as long as the manager
// waits gets the daemon killed and started again. Does nothing when nobody asked for it.
// Belongs to the main thread.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace piecework {

class ServiceWatchdog {
 public:
  // Both are called in the main thread and neither waits.
  struct Loop {
    std::string_view name;           // "accept"
    std::function<void()> ask;       // wakes it
    std::function<bool()> answered;  // since then
  };

  // `interval` is that of service_watchdog_interval(): the manager waits twice as long.
  ServiceWatchdog(std::vector<Loop> loops, std::optional<milliseconds> interval);

  // tend() has to be called at least this often. Nothing: never.
  std::optional<milliseconds> period() const;

  // Sends what is due and asks what is to be asked. Logs `watchdog.silent` for a loop that has not
  // answered for `interval`, once a question.
  void tend(TimePoint now);

 private:
  bool all_answered(TimePoint now);
  void ask(TimePoint now);

  const std::vector<Loop> loops_;
  const std::optional<milliseconds> interval_;
  bool asking_ = false;
  bool reported_ = false;
  TimePoint asked_{};
};

}  // namespace piecework
