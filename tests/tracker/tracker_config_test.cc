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

  TEST_CASE("networks are lists of blocks, each block in one of them only") {
    TrackerConfig config;
    ConfigSchema schema = tracker_schema(config);
    schema.load_text("networks:\n  - [10.1.0.0/16, \"fd00:1::/64\"]\n  - [10.2.0.0/16]\n", "f");
    REQUIRE(config.networks.size() == 2);
    CHECK(config.networks[0].size() == 2);
    CHECK(config.networks[1].front() == *Network::parse("10.2.0.0/16"));
    TrackerConfig again;
    tracker_schema(again).load_text(schema.dump(), "dump");
    CHECK(again.networks == config.networks);
    tracker_schema(again).apply_override("networks=[]");
    CHECK(again.networks.empty());
    for (const char* bad :
         {"networks=10.0.0.0/8", "networks=[10.0.0.0/8]", "networks=[[]]",
          "networks=[[10.0.0.0/33]]", "networks=[[host]]", "networks=[[[10.0.0.0/8]]]",
          "networks=[[10.0.0.0/8, 10.0.0.0/8]]", "networks=[[10.0.0.0/8], [10.1.0.0/8]]"}) {
      CAPTURE(bad);
      CHECK_THROWS_AS(tracker_schema(config).apply_override(bad), ConfigError);
    }
    CHECK(applies_live("networks"));
  }

  TEST_CASE("sockets and the status file need a restart, the rest applies live") {
    CHECK_FALSE(applies_live("listen"));
    CHECK(applies_live("max_connections"));
    CHECK(applies_live("allow"));
    CHECK(applies_live("deny"));
    CHECK_FALSE(applies_live("status_file"));
    CHECK(applies_live("announce_interval"));
    CHECK(applies_live("log.level"));
  }
}

}  // namespace
}  // namespace piecework::tracker
