// What trackerd's metrics file says; its families stand in README.
// Pure functions; safe from any thread.
#pragma once

#include <optional>
#include <string>

#include "common/clock.h"
#include "tracker/tracker_status.h"

namespace piecework::tracker {

// `started` and `certificate_expiry` are seconds since 1970, the latter nothing without TLS. Text
// as of MetricsText.
std::string format_tracker_metrics(const TrackerStatus& status, seconds started,
                                   std::optional<seconds> certificate_expiry);

}  // namespace piecework::tracker
