#include "tracker/tracker_status.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "common/json.h"

namespace piecework::tracker {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

TEST_SUITE("tracker_status") {
  TEST_CASE("others find the keys that the schema names") {
    TrackerStatus status{.pid = 4710,
                         .uptime = std::chrono::hours(24),
                         .listening = {*Endpoint::parse("0.0.0.0:6666")},
                         .connections = 12,
                         .denied = 6,
                         .counts = {.swarms = 40, .peers = 1210},
                         .totals = {.announces = 1'741'203, .refused = {3, 4, 5, 2}},
                         .announces_per_second = 20.16};
    const std::string text = format_tracker_status(status);
    CHECK(text.ends_with("}\n"));
    const Json json = Json::parse(text);
    CHECK_FALSE(json.require_string("version").empty());
    CHECK(json.require_unsigned("pid", 0, kAny) == 4710);
    CHECK(json.require_unsigned("uptime", 0, kAny) == 86400);
    CHECK(*json.require_array("listening").front().string() == "0.0.0.0:6666");
    CHECK(json.require_unsigned("connections", 0, kAny) == 12);
    CHECK(json.require_unsigned("denied", 0, kAny) == 6);
    CHECK(json.require_unsigned("swarms", 0, kAny) == 40);
    CHECK(json.require_unsigned("peers", 0, kAny) == 1210);
    CHECK(json.require_unsigned("announces", 0, kAny) == 1'741'203);
    CHECK(*json.find("announces_per_second")->number() == doctest::Approx(20.2));
    const Json& refused = json.require_object("refused");
    CHECK(refused.require_unsigned("total", 0, kAny) == 14);
    CHECK(refused.require_unsigned("bad_request", 0, kAny) == 3);
    CHECK(refused.require_unsigned("max_swarms", 0, kAny) == 4);
    CHECK(refused.require_unsigned("max_peers", 0, kAny) == 5);
    CHECK(refused.require_unsigned("denied", 0, kAny) == 2);
  }
}

}  // namespace
}  // namespace piecework::tracker
