#include "peer/node_status.h"

#include <doctest/doctest.h>

#include <string>

#include "common/json.h"

namespace piecework::peer {
namespace {

DownloadStatus some_download() {
  DownloadStatus torrent;
  torrent.info_hash = *InfoHash::parse_hex(std::string(64, 'a'));
  torrent.name = "video \"1\".mp4";
  torrent.state = DownloadState::kDownloading;
  torrent.reason = "choked by every peer";
  torrent.bytes = 5'000'000'000;
  torrent.length = 20'000'000'000;
  torrent.received = 4'000'000'000;
  torrent.wasted = 17;
  torrent.sent = 3;
  torrent.rate_down = 1'000'000.9;
  torrent.rate_up = 12.3;
  torrent.peers = 7;
  return torrent;
}

NodeStatus some_node() {
  return {.version = "0.1.0",
          .pid = 4711,
          .listening = {"0.0.0.0:5555", "[::]:5555"},
          .connections = 9,
          .denied = 4,
          .torrents = {some_download(), some_download()}};
}

// The good text with one piece of it replaced.
std::string changed(const std::string& from, const std::string& to) {
  NodeStatus node = some_node();
  node.torrents.pop_back();
  std::string text = format_status(node);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_SUITE("node_status") {
  TEST_CASE("what is written is read back") {
    const NodeStatus node = some_node();
    const NodeStatus read = parse_status(format_status(node));
    CHECK(read.version == node.version);
    CHECK(read.pid == node.pid);
    CHECK(read.listening == node.listening);
    CHECK(read.connections == node.connections);
    CHECK(read.denied == node.denied);
    REQUIRE(read.torrents.size() == 2);
    const DownloadStatus& torrent = read.torrents[1];
    const DownloadStatus expected = some_download();
    CHECK(torrent.info_hash == expected.info_hash);
    CHECK(torrent.name == expected.name);
    CHECK(torrent.state == expected.state);
    CHECK(torrent.reason == expected.reason);
    CHECK(torrent.bytes == expected.bytes);
    CHECK(torrent.length == expected.length);
    CHECK(torrent.received == expected.received);
    CHECK(torrent.wasted == expected.wasted);
    CHECK(torrent.sent == expected.sent);
    CHECK(torrent.rate_down == 1'000'000);
    CHECK(torrent.rate_up == 12);
    CHECK(torrent.peers == expected.peers);
  }

  TEST_CASE("a node with nothing is written and read back") {
    const NodeStatus read = parse_status(format_status({}));
    CHECK(read.listening.empty());
    CHECK(read.torrents.empty());
  }

  TEST_CASE("every state has a name that is read back") {
    for (const DownloadState state : kDownloadStates) {
      NodeStatus node = some_node();
      node.torrents[0].state = state;
      CHECK(parse_status(format_status(node)).torrents[0].state == state);
    }
  }

  TEST_CASE("others find the keys that the schema names") {
    const Json json = Json::parse(format_status(some_node()));
    const Json& torrent = json.require_array("torrents").front();
    CHECK(torrent.require_string("hash") == std::string(64, 'a'));
    CHECK(torrent.require_string("name") == "video \"1\".mp4");
    CHECK(torrent.require_string("state") == "downloading");
    CHECK(*torrent.find("done")->number() == doctest::Approx(0.25));
    CHECK(torrent.require_unsigned("bytes", 0, UINT64_MAX) == 5'000'000'000);
    CHECK(torrent.require_unsigned("length", 0, UINT64_MAX) == 20'000'000'000);
    CHECK(torrent.require_unsigned("rate_down", 0, UINT64_MAX) == 1'000'000);
    CHECK(torrent.require_unsigned("rate_up", 0, UINT64_MAX) == 12);
    CHECK(torrent.require_unsigned("eta", 0, UINT64_MAX) == 15'000);
    CHECK(torrent.require_unsigned("peers", 0, UINT64_MAX) == 7);
    CHECK(torrent.require_string("reason") == "choked by every peer");
  }

  TEST_CASE("almost done is not done") {
    NodeStatus node = some_node();
    node.torrents.resize(1);
    const auto done = [&] {
      const Json json = Json::parse(format_status(node));
      return *json.require_array("torrents").front().find("done")->number();
    };
    node.torrents[0].bytes = node.torrents[0].length - 1;
    CHECK(done() == doctest::Approx(0.9999));
    CHECK(done() < 1);
    node.torrents[0].bytes = node.torrents[0].length;
    CHECK(done() == 1);
    node.torrents[0].bytes = node.torrents[0].length = 0;
    CHECK(done() == 0);
    node.torrents[0].state = DownloadState::kSeeding;
    CHECK(done() == 1);
  }

  TEST_CASE("the time left is rounded up, and 0 when it is not known") {
    DownloadStatus torrent = some_download();
    torrent.length = 1001;
    torrent.bytes = 1;
    torrent.rate_down = 300;
    CHECK(eta_seconds(torrent) == 4);
    torrent.rate_down = 0.5;
    CHECK(eta_seconds(torrent) == 0);
    torrent.rate_down = 300;
    torrent.bytes = 1001;
    CHECK(eta_seconds(torrent) == 0);
    torrent.bytes = 0;
    torrent.state = DownloadState::kChecking;
    CHECK(eta_seconds(torrent) == 0);
  }

  TEST_CASE("what is no status is refused") {
    const struct {
      const char* from;
      const char* to;
      const char* named;
    } kCases[] = {
        {"\"version\": \"0.1.0\"", "\"version\": 1", "version"},
        {"\"pid\": 4711", "\"pid\": -1", "pid"},
        {"\"pid\": 4711", "\"pod\": 4711", "pid"},
        {"\"connections\": 9", "\"connections\": \"9\"", "connections"},
        {"\"denied\": 4", "\"denied\": -4", "denied"},
        {"\"listening\"", "\"hearing\"", "listening"},
        {"\"torrents\"", "\"others\"", "torrents"},
        {"\"hash\": \"aa", "\"hash\": \"", "hash"},
        {"\"name\": ", "\"name\": null, \"x\": ", "name"},
        {"\"state\": \"downloading\"", "\"state\": \"flying\"", "state"},
        {"\"bytes\": 5000000000", "\"bytes\": 5.5", "bytes"},
        {"\"length\": 20000000000", "\"length\": -20", "length"},
        {"\"rate_down\": 1000000", "\"rate_down\": \"fast\"", "rate_down"},
        {"\"peers\": 7", "\"peers\": []", "peers"},
        {"\"received\": ", "\"received\": true, \"x\": ", "received"},
        {"\"reason\": ", "\"reason\": 1, \"x\": ", "reason"},
    };
    for (const auto& c : kCases) {
      const std::string text = changed(c.from, c.to);
      CAPTURE(text);
      try {
        parse_status(text);
        CHECK(false);
      } catch (const JsonError& error) {
        CHECK(std::string(error.what()).find(c.named) != std::string::npos);
      }
    }
    const std::string good = format_status(some_node());
    for (const std::string& text :
         {std::string(), std::string("[]"), std::string("null"), good.substr(0, 100), good + "x"}) {
      CHECK_THROWS_AS(parse_status(text), JsonError);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
