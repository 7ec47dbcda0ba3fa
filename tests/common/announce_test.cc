#include "common/announce.h"

#include <doctest/doctest.h>

#include <string>

#include "common/json.h"

namespace piecework {
namespace {

const std::string kHash = "ce4dc45d5ea05f7e12bf3c8251131b4464e45ea4bc476bbce9be61932cf10df5";

std::string request_error(std::string_view text) {
  try {
    parse_announce_request(text);
  } catch (const JsonError& error) {
    return error.what();
  }
  return "";
}

// A good request with one member replaced or added.
std::string request_with(const std::string& key, const std::string& value) {
  std::string text = "{";
  for (const auto& [name, good] : {std::pair<std::string, std::string>{"port", "5555"},
                                   {"peer_id", "\"127.0.0.1:5555\""},
                                   {"event", "\"started\""}}) {
    if (name != key) text += "\"" + name + "\": " + good + ", ";
  }
  return text + "\"" + key + "\": " + value + "}";
}

TEST_SUITE("announce") {
  TEST_CASE("an original request is read") {
    const auto request = parse_announce_request(
        R"({"ip": "1.2.3.4", "port": 5555, "peer_id": "1.2.3.4:5555", "event": "started"})");
    REQUIRE(request.ip);
    CHECK(request.ip->to_string() == "1.2.3.4");
    CHECK(request.port == 5555);
    CHECK(request.peer_id == "1.2.3.4:5555");
    CHECK(request.event == AnnounceEvent::kStarted);
    CHECK_FALSE(request.info_hash);
    CHECK_FALSE(request.is_extended());
  }

  TEST_CASE("a request with extension keys is ours, with or without info_hash") {
    const auto hashed = parse_announce_request(request_with("info_hash", "\"" + kHash + "\""));
    REQUIRE(hashed.info_hash);
    CHECK(hashed.info_hash->to_hex() == kHash);
    CHECK(hashed.is_extended());
    for (const char* key : {"left", "downloaded", "uploaded", "numwant"}) {
      CHECK(parse_announce_request(request_with(key, "0")).is_extended());
    }
    CHECK_FALSE(parse_announce_request(request_with("flavour", "\"odd\"")).is_extended());
  }

  TEST_CASE("bytes are exact and numwant is cut to the most") {
    const auto left = parse_announce_request(request_with("left", "18446744073709551615")).left;
    CHECK(left == 18446744073709551615ULL);
    CHECK(parse_announce_request(request_with("numwant", "0")).numwant == 0);
    CHECK(parse_announce_request(request_with("numwant", "200")).numwant == 200);
    CHECK(parse_announce_request(request_with("numwant", "4294967297")).numwant == 200);
  }

  TEST_CASE("an ip that is null is none") {
    CHECK_FALSE(parse_announce_request(request_with("ip", "null")).ip);
  }

  TEST_CASE("bad requests are refused naming the key") {
    const struct {
      const char* key;
      std::string value;
    } kCases[] = {
        {"port", "0"},
        {"port", "65536"},
        {"port", "-1"},
        {"port", "5555.0"},
        {"port", "\"5555\""},
        {"port", "null"},
        {"port", "18446744073709551616"},
        {"peer_id", "\"\""},
        {"peer_id", "5"},
        {"peer_id", "\"" + std::string(65, 'x') + "\""},
        {"peer_id", "\"a\\nb\""},
        {"peer_id", "\"a\\u0000\""},
        {"peer_id", "\"\xc3\xa9\""},
        {"event", "\"\""},
        {"event", "\"Started\""},
        {"event", "1"},
        {"event", "[\"started\"]"},
        {"ip", "\"\""},
        {"ip", "\"localhost\""},
        {"ip", "\"1.2.3\""},
        {"ip", "\"1.2.3.256\""},
        {"ip", "16909060"},
        {"info_hash", "\"\""},
        {"info_hash", "\"" + kHash.substr(1) + "\""},
        {"info_hash", "\"" + kHash + "0\""},
        {"info_hash", "\"" + std::string(64, 'g') + "\""},
        {"info_hash", "7"},
        {"info_hash", "null"},
        {"left", "-1"},
        {"left", "1.5"},
        {"left", "\"1\""},
        {"left", "1e3"},
        {"left", "18446744073709551616"},
        {"downloaded", "true"},
        {"uploaded", "[]"},
        {"numwant", "-1"},
        {"numwant", "\"50\""},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.key);
      CAPTURE(c.value);
      CHECK(request_error(request_with(c.key, c.value)).find(c.key) != std::string::npos);
    }
  }

  TEST_CASE("a missing key is named") {
    CHECK(request_error(R"({"peer_id": "x", "event": "started"})") == "port: missing");
    CHECK(request_error(R"({"port": 1, "event": "started"})") == "peer_id: missing");
    CHECK(request_error(R"({"port": 1, "peer_id": "x"})") == "event: missing");
  }

  TEST_CASE("what is no JSON object is refused") {
    const std::string good = request_with("left", "1");
    for (const std::string& bad :
         {std::string(), std::string("null"), std::string("[]"), std::string("5"),
          std::string("\"started\""), good + "x", good + std::string(1, '\0'),
          good.substr(0, good.size() - 1), std::string("\xff\xfe"),
          request_with("port\": 1, \"port", "2"), request_with("x", std::string(20000, '[')),
          request_with("x", "[[[[[[[[[]]]]]]]]]"), request_with("x", "\"\xc3(\"")}) {
      CAPTURE(bad);
      CHECK_FALSE(request_error(bad).empty());
    }
  }

  TEST_CASE("a request reads back as it was written, in the original's order of keys") {
    AnnounceRequest request;
    request.port = 5555;
    request.peer_id = "127.0.0.1:5555";
    request.event = AnnounceEvent::kCompleted;
    CHECK(format_announce_request(request) ==
          R"({"port":5555,"peer_id":"127.0.0.1:5555","event":"completed"})");
    request.ip = IpAddress::parse("::1");
    request.event = AnnounceEvent::kStopped;
    request.info_hash = InfoHash::parse_hex(kHash);
    request.left = 1ULL << 63;
    request.downloaded = 2;
    request.uploaded = 3;
    request.numwant = 7;
    const auto again = parse_announce_request(format_announce_request(request));
    CHECK(again.ip == request.ip);
    CHECK(again.event == request.event);
    CHECK(again.info_hash == request.info_hash);
    CHECK(again.left == request.left);
    CHECK(again.downloaded == 2);
    CHECK(again.uploaded == 3);
    CHECK(again.numwant == 7);
  }

  TEST_CASE("a response without extensions has the original's form to the byte") {
    AnnounceResponse response;
    response.message = "started ACK";
    response.peers = {{"127.0.0.1:5555", *Endpoint::parse("10.0.0.1:5555")}};
    CHECK(format_announce_response(response) ==
          R"({"error_code":0,"message":"started ACK","num-of-peer":1,"peers":)"
          R"([{"peer-id":"127.0.0.1:5555","peer-port":5555,"peer-ip":"10.0.0.1"}]})");
    response = {.error_code = 0,
                .message = "disconnect ACK",
                .peers = {},
                .interval = {},
                .min_interval = {},
                .complete = {},
                .incomplete = {},
                .observed = {}};
    CHECK(format_announce_response(response) == R"({"error_code":0,"message":"disconnect ACK"})");
  }

  TEST_CASE("a response reads back as it was written") {
    AnnounceResponse response;
    response.message = "started ACK";
    response.peers = {{"a", *Endpoint::parse("10.0.0.1:1")}, {"b", *Endpoint::parse("[::1]:2")}};
    response.interval = seconds(60);
    response.min_interval = seconds(5);
    response.complete = 3;
    response.incomplete = 4;
    response.observed = Endpoint::parse("10.0.0.9:5555");
    const auto again = parse_announce_response(format_announce_response(response));
    CHECK(again.error_code == 0);
    CHECK(again.message == "started ACK");
    CHECK(again.peers == response.peers);
    CHECK(again.interval == seconds(60));
    CHECK(again.min_interval == seconds(5));
    CHECK(again.complete == 3);
    CHECK(again.incomplete == 4);
    CHECK(again.observed == response.observed);
  }

  TEST_CASE("an original tracker's answers are read") {
    const auto started = parse_announce_response(
        R"({"error_code": 0, "message": "started ACK", "num-of-peer": 1, "peers": )"
        R"([{"peer-id": "127.0.0.1:5555", "peer-port": 5555, "peer-ip": "192.168.1.7"}]})");
    REQUIRE(started.peers);
    REQUIRE(started.peers->size() == 1);
    CHECK(started.peers->front().endpoint.to_string() == "192.168.1.7:5555");
    CHECK_FALSE(started.interval);
    const auto refused =
        parse_announce_response(R"({"error_code": 1, "message": "peer not found"})");
    CHECK(refused.error_code == 1);
    CHECK(refused.message == "peer not found");
    CHECK_FALSE(refused.peers);
  }

  TEST_CASE("peers without a usable address are left out and others stay") {
    const auto response = parse_announce_response(R"({"error_code": 0, "peers": [
        {"peer-id": "a", "peer-port": 1, "peer-ip": "tracker.example"},
        {"peer-id": "b", "peer-port": 0, "peer-ip": "10.0.0.1"},
        {"peer-id": "c", "peer-port": 65536, "peer-ip": "10.0.0.1"},
        {"peer-id": "d", "peer-port": "1", "peer-ip": "10.0.0.1"},
        {"peer-id": "e", "peer-port": 1, "peer-ip": "0.0.0.0"},
        {"peer-id": "f", "peer-port": 1, "peer-ip": 7},
        {"peer-id": "g"}, 5, null, [],
        {"peer-id": 9, "peer-port": 1, "peer-ip": "10.0.0.1"},
        {"peer-port": 2, "peer-ip": "10.0.0.2"},
        {"peer-id": "good", "peer-port": 3, "peer-ip": "10.0.0.3"}]})");
    REQUIRE(response.peers);
    REQUIRE(response.peers->size() == 3);
    CHECK(response.peers->at(0) == AnnouncedPeer{"", *Endpoint::parse("10.0.0.1:1")});
    CHECK(response.peers->at(1) == AnnouncedPeer{"", *Endpoint::parse("10.0.0.2:2")});
    CHECK(response.peers->at(2) == AnnouncedPeer{"good", *Endpoint::parse("10.0.0.3:3")});
  }

  TEST_CASE("extension keys that make no sense are as good as none") {
    for (const char* value : {"0", "-5", "\"60\"", "1e9", "86401", "null", "[]"}) {
      const std::string text = std::string(R"({"error_code": 0, "interval": )") + value +
                               ", \"min-interval\": " + value + ", \"observed-ip\": " + value + "}";
      CAPTURE(text);
      const auto response = parse_announce_response(text);
      CHECK_FALSE(response.interval);
      CHECK_FALSE(response.min_interval);
      CHECK_FALSE(response.observed);
    }
  }

  TEST_CASE("an answer that is full of peers is read, one that is full of numbers is not") {
    std::string full = R"({"error_code":0,"peers":[)";
    std::string numbers = R"({"error_code":0,"x":[)";
    const std::string peer = R"({"peer-id":"x","peer-port":1,"peer-ip":"1.2.3.4"})";
    std::size_t peers = 0;
    for (; full.size() + peer.size() + 3 <= kMaxAnnounceResponseBytes; ++peers) {
      full += (peers == 0 ? "" : ",") + peer;
    }
    while (numbers.size() + 4 <= kMaxAnnounceResponseBytes) numbers += "1,";
    CHECK(parse_announce_response(full + "]}").peers->size() == peers);
    CHECK_THROWS_WITH_AS(parse_announce_response(numbers + "1]}"), "x[99999]: too many values",
                         JsonError);
  }

  TEST_CASE("bad responses are refused") {
    for (const char* bad :
         {"", "{}", "[]", "null", R"({"error_code": "0"})", R"({"error_code": -1})",
          R"({"error_code": 0, "peers": {}})", R"({"error_code": 0, "peers": 5})",
          R"({"error_code": 0)", R"({"error_code": 0, "error_code": 0})"}) {
      CAPTURE(bad);
      CHECK_THROWS_AS(parse_announce_response(bad), JsonError);
    }
  }
}

}  // namespace
}  // namespace piecework
