// What trackerd's status file says; its keys stand in README.
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/endpoint.h"
#include "tracker/announce_service.h"
#include "tracker/swarm_registry.h"

namespace piecework::tracker {

struct TrackerStatus {
  std::int64_t pid;
  seconds uptime;
  std::vector<Endpoint> listening;
  std::size_t connections;
  std::uint64_t denied;  // connections, since the start
  SwarmRegistry::Counts counts;
  AnnounceService::Totals totals;
  double announces_per_second;  // over the last few seconds
};

// Indented JSON that ends in a line feed.
std::string format_tracker_status(const TrackerStatus& status);

}  // namespace piecework::tracker
