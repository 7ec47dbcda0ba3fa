#include "tracker/tracker_metrics.h"

#include <doctest/doctest.h>

#include <string>

namespace piecework::tracker {
namespace {

TEST_SUITE("tracker_metrics") {
  TEST_CASE("each figure has its family, and each reason its sample") {
    const std::string text =
        format_tracker_metrics({.pid = 4710,
                                .uptime = std::chrono::hours(24),
                                .listening = {*Endpoint::parse("0.0.0.0:6666")},
                                .connections = 12,
                                .denied = 6,
                                .counts = {.swarms = 40, .peers = 1210},
                                .totals = {.announces = 1'741'203, .refused = {3, 4, 5, 2}},
                                .announces_per_second = 20.16},
                               seconds(1'700'000'000), seconds(1'800'000'000));
    for (const char* line : {
             "# TYPE piecework_tracker_announces_total counter",
             "# TYPE piecework_tracker_peers gauge",
             "piecework_tracker_start_time_seconds{port=\"6666\"} 1700000000",
             "piecework_tracker_certificate_expiry_timestamp_seconds{port=\"6666\"} 1800000000",
             "piecework_tracker_connections{port=\"6666\"} 12",
             "piecework_tracker_denied_total{port=\"6666\"} 6",
             "piecework_tracker_swarms{port=\"6666\"} 40",
             "piecework_tracker_peers{port=\"6666\"} 1210",
             "piecework_tracker_announces_total{port=\"6666\"} 1741203",
             "piecework_tracker_refused_total{port=\"6666\",reason=\"bad_request\"} 3",
             "piecework_tracker_refused_total{port=\"6666\",reason=\"max_swarms\"} 4",
             "piecework_tracker_refused_total{port=\"6666\",reason=\"max_peers\"} 5",
             "piecework_tracker_refused_total{port=\"6666\",reason=\"denied\"} 2",
         }) {
      CAPTURE(line);
      CHECK(("\n" + text).find("\n" + std::string(line) + "\n") != std::string::npos);
    }
    CHECK(text.find("piecework_tracker_build_info{port=\"6666\",version=\"") != std::string::npos);
  }
}

}  // namespace
}  // namespace piecework::tracker
