#include "tracker/tracker_status.h"

#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "common/json.h"
#include "common/version.h"

namespace piecework::tracker {

std::string format_tracker_status(const TrackerStatus& status) {
  Json::Array listening;
  for (const Endpoint& endpoint : status.listening) listening.push_back(endpoint.to_string());
  const auto& refusals = status.totals.refused;
  Json refused;
  refused.add("total", std::accumulate(refusals.begin(), refusals.end(), std::uint64_t{0}));
  for (std::size_t i = 0; i < kRefusals; ++i) {
    refused.add(refusal_name(static_cast<Refusal>(i)), refusals[i]);
  }
  Json json;
  json.add("version", kVersion);
  json.add("pid", status.pid);
  json.add("uptime", std::int64_t{status.uptime.count()});
  json.add("listening", std::move(listening));
  json.add("connections", std::uint64_t{status.connections});
  json.add("denied", status.denied);
  json.add("swarms", std::uint64_t{status.counts.swarms});
  json.add("peers", std::uint64_t{status.counts.peers});
  json.add("announces", status.totals.announces);
  json.add("announces_per_second", std::round(status.announces_per_second * 10) / 10);
  json.add("refused", std::move(refused));
  return json.dump_pretty() + "\n";
}

}  // namespace piecework::tracker
