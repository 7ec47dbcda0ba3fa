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
    CHECK(schema.dump() == tracker_schema(defaults).dump());
  }

  TEST_CASE("the file that is shipped says the defaults") {
    TrackerConfig defaults;
    TrackerConfig shipped;
    ConfigSchema schema = tracker_schema(shipped);
    schema.load("config/trackerd.yaml", ConfigSchema::Missing::kIsAnError);
    CHECK(schema.dump() == tracker_schema(defaults).dump());
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
  }

  TEST_CASE("sockets and the status file need a restart, the rest applies live") {
    TrackerConfig running;
    TrackerConfig fresh;
    ConfigSchema keys = tracker_schema(fresh);
    for (const char* assignment :
         {"listen=127.0.0.1:1", "max_connections=7", "deny=10.0.0.0/8", "status_file=/x",
          "announce_interval=1s", "networks=[[10.0.0.0/8]]", "log.level=debug"}) {
      keys.apply_override(assignment);
    }
    const auto changes = keys.changes_from(tracker_schema(running));
    CHECK(changes.taken == std::vector<std::string>{"announce_interval", "max_connections", "deny",
                                                    "networks", "log.level"});
    CHECK(changes.need_restart == std::vector<std::string>{"listen", "status_file"});
    CHECK(fresh.listen == running.listen);
    CHECK(fresh.max_connections == 7);
  }
}

}  // namespace
}  // namespace piecework::tracker
