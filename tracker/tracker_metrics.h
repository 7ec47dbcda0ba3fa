// What trackerd's metrics file says; its families stand in README.
// Pure functions; safe from any thread.
#pragma once

#include <string>

#include "common/clock.h"
#include "tracker/tracker_status.h"

namespace piecework::tracker {

// `started` is seconds since 1970. Text as of MetricsText.
std::string format_tracker_metrics(const TrackerStatus& status, seconds started);

}  // namespace piecework::tracker
