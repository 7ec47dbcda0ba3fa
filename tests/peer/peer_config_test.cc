#include "peer/peer_config.h"

#include <doctest/doctest.h>

#include <string>

#include "common/errors.h"

namespace piecework::peer {
namespace {

// What is said of these settings; empty when they are fine.
std::string problem(const std::string& yaml) {
  PeerConfig config;
  ConfigSchema keys = peer_schema(config);
  try {
    keys.load_text(yaml, "f");
    check_settings(config, keys, "f");
    return "";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST_SUITE("peer_config") {
  TEST_CASE("the defaults are fine") {
    CHECK(problem("") == "");
  }

  TEST_CASE("the address to announce is a host's") {
    CHECK(problem("announce_address: 10.0.0.1") == "");
    CHECK(problem("announce_address: \"fd00::1\"") == "");
    for (const char* bad : {"host", "0.0.0.0", "\"::\"", "10.0.0.0/8", "\"::ffff:0.0.0.0\""}) {
      CAPTURE(bad);
      const std::string said = problem(std::string("announce_address: ") + bad);
      CHECK(said.starts_with("f:1:19: announce_address: "));
    }
  }

  TEST_CASE("marks that can do nothing are refused") {
    CHECK(problem("watermark: {low: 1GiB}") == "");
    CHECK(problem("watermark: {low: 1GiB, high: 2GiB}") == "");
    CHECK(problem("watermark: {low: 0, high: 0}") == "");
    CHECK(problem("watermark: {high: 1GiB}") ==
          "f:1:19: watermark.high: does nothing without watermark.low");
    CHECK(problem("watermark: {high: 1GiB, low: 2GiB}") ==
          "f:1:19: watermark.high: must not be less than watermark.low");
  }

  TEST_CASE("no directory serves two ends") {
    CHECK(problem("watch_dir: /x\ndownload_dir: /x/y\nstate_dir: /x/z") == "");
    CHECK(problem("state_dir: /x\nwatch_dir: /x/") ==
          "f:1:12: state_dir: is the same directory as watch_dir");
    CHECK(problem("state_dir: /x\ndownload_dir: /x/../x") ==
          "f:1:12: state_dir: is the same directory as download_dir");
    CHECK(problem("watch_dir: /x\ndownload_dir: /x") ==
          "f:2:15: download_dir: is the same directory as watch_dir");
    CHECK(problem("watch_dir: /var/lib/piecework/peerd/downloads") ==
          "f:1:12: watch_dir: is the same directory as download_dir");
  }

  TEST_CASE("a group has to be there") {
    CHECK(problem("group: no-such-group-here") ==
          "f:1:8: group: there is no group called no-such-group-here");
  }
}

}  // namespace
}  // namespace piecework::peer
