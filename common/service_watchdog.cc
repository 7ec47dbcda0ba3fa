#include "common/service_watchdog.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "common/service_notify.h"
#include "common/units.h"

namespace piecework {

ServiceWatchdog::ServiceWatchdog(std::vector<Loop> loops, std::optional<milliseconds> interval)
    : loops_(std::move(loops)), interval_(interval) {}

// A question every half of the interval, asked up to a period late and seen to be answered a period
// later: never more than the interval between two messages.
std::optional<milliseconds> ServiceWatchdog::period() const {
  if (!interval_) return std::nullopt;
  return std::max(*interval_ / 4, milliseconds(1));
}

void ServiceWatchdog::tend(TimePoint now) {
  if (!interval_) return;
  if (asking_) {
    if (!all_answered(now)) return;
    asking_ = false;
    service_notify("WATCHDOG=1");
  }
  if (now - asked_ >= *interval_ / 2) ask(now);
}

bool ServiceWatchdog::all_answered(TimePoint now) {
  const auto silent =
      std::find_if(loops_.begin(), loops_.end(), [](const Loop& loop) { return !loop.answered(); });
  if (silent == loops_.end()) return true;
  if (!reported_ && now - asked_ >= *interval_) {
    reported_ = true;
    log_error("watchdog.silent",
              {{"loop", silent->name}, {"seconds", format_seconds(now - asked_)}});
  }
  return false;
}

void ServiceWatchdog::ask(TimePoint now) {
  for (const Loop& loop : loops_) loop.ask();
  asking_ = true;
  reported_ = false;
  asked_ = now;
}

}  // namespace piecework
