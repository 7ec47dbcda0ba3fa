#include "tracker/tracker_config.h"

#include <doctest/doctest.h>

#include <string>

#include "common/errors.h"

namespace piecework::tracker {
namespace {

TEST_SUITE("tracker_config") {
  TEST_CASE("the defaults load back from their own dump") {
    TrackerConfig defaults;
    TrackerConfig read;
    read.max_peers = 1;
    read.listen.clear();
    ConfigSchema schema = tracker_schema(read);
    schema.load_text(tracker_schema(defaults).dump(), "dump");
    CHECK(schema.differences(tracker_schema(defaults)).empty());
  }

  TEST_CASE("the file that is shipped says the defaults") {
    TrackerConfig defaults;
    TrackerConfig shipped;
    ConfigSchema schema = tracker_schema(shipped);
    schema.load("config/trackerd.yaml", ConfigSchema::Missing::kIsAnError);
    CHECK(schema.differences(tracker_schema(defaults)).empty());
  }

  TEST_CASE("values out of range are refused") {
    for (const char* bad :
         {"announce_interval=0s", "announce_interval=25h", "default_swarm_expiry=0",
          "max_connections=0", "max_connections_per_address=0", "max_swarms=0", "max_peers=0",
          "trust_ip_from=10.0.0.0/33", "listen=", "log.file=", "log.level=trace"}) {
      TrackerConfig config;
      CAPTURE(bad);
      CHECK_THROWS_AS(tracker_schema(config).apply_override(bad), ConfigError);
    }
  }

  TEST_CASE("sockets and thread caps need a restart, the rest applies live") {
    CHECK_FALSE(applies_live("listen"));
    CHECK_FALSE(applies_live("max_connections"));
    CHECK_FALSE(applies_live("status_file"));
    CHECK(applies_live("announce_interval"));
    CHECK(applies_live("log.level"));
  }
}

}  // namespace
}  // namespace piecework::tracker
