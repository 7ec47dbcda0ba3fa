#include "tracker/tracker_status.h"

#include <cstdint>
#include <utility>

#include "common/json.h"
#include "common/version.h"

namespace piecework::tracker {

std::string format_tracker_status(const TrackerStatus& status) {
  Json::Array listening;
  for (const Endpoint& endpoint : status.listening) listening.push_back(endpoint.to_string());
  Json refused;
  for (std::size_t i = 0; i < kRefusals; ++i) {
    refused.add(refusal_name(static_cast<Refusal>(i)), status.totals.refused[i]);
  }
  Json json;
  json.add("version", kVersion);
  json.add("listening", std::move(listening));
  json.add("connections", std::uint64_t{status.connections});
  json.add("swarms", std::uint64_t{status.counts.swarms});
  json.add("peers", std::uint64_t{status.counts.peers});
  json.add("announces", status.totals.announces);
  json.add("refused", std::move(refused));
  return json.dump_pretty() + "\n";
}

}  // namespace piecework::tracker
