#include "tracker/tracker_connection.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/announce.h"
#include "common/frame.h"
#include "common/json.h"
#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tracker/tracker_server.h"

namespace piecework::tracker {
namespace {

constexpr SwarmRegistry::Limits kLimits{.swarms = 2,
                                        .peers = 100,
                                        .renewing_expiry = seconds(150),
                                        .original_expiry = std::chrono::hours(24)};
const std::string kHash(64, 'a');

Deadline soon() {
  return Clock::now() + seconds(10);
}

// A tracker on loopback.
class Tracker {
 public:
  explicit Tracker(const std::vector<std::string>& trusted = {}) {
    AnnounceService::Settings settings{.interval = seconds(60), .trusted = {}};
    for (const std::string& network : trusted) {
      settings.trusted.push_back(*Network::parse(network));
    }
    service.set_settings(std::move(settings));
    server.start();
  }
  ~Tracker() { server.stop(); }

  SwarmRegistry registry{kLimits, 1};
  AnnounceService service{registry, {.interval = seconds(60), .trusted = {}}};
  TrackerServer server{
      {*Endpoint::parse("127.0.0.1:0")}, {.total = 50, .per_address = 50}, {}, service};
};

class Client {
 public:
  explicit Client(const Tracker& tracker)
      : stream(Stream::unconnected(tracker.server.listening().front())) {
    stream.connect(tracker.server.listening().front(), soon());
  }

  // The raw text of the answer to a raw text.
  std::string ask(std::string_view request) {
    send_text_frame(stream, request, soon());
    return recv_text_frame(stream, kMaxAnnounceResponseBytes, soon()).value_or("closed");
  }
  bool closed() {
    std::byte byte;
    try {
      return stream.recv_some({&byte, 1}, soon()) == 0;
    } catch (const std::system_error&) {
      return true;  // reset, because bytes stood unread
    }
  }

  Stream stream;
};

std::string original(int port, const std::string& event = "started") {
  return R"({"port": )" + std::to_string(port) + R"(, "peer_id": "127.0.0.1:5555", "event": ")" +
         event + "\"}";
}

std::string ours(int port, const std::string& more, const std::string& event = "started") {
  std::string text = original(port, event);
  text.pop_back();
  return text + ", " + more + "}";
}

TEST_SUITE("tracker_connection") {
  TEST_CASE("an original gets the original's answers to the byte, on one connection") {
    Tracker tracker;
    Client client(tracker);
    CHECK(client.ask(original(1)) ==
          R"({"error_code":0,"message":"started ACK","num-of-peer":0,"peers":[]})");
    CHECK(client.ask(original(2)) ==
          R"({"error_code":0,"message":"started ACK","num-of-peer":1,"peers":)"
          R"([{"peer-id":"127.0.0.1:5555","peer-port":1,"peer-ip":"127.0.0.1"}]})");
    for (const char* event : {"completed", "stopped", "completed"}) {
      CHECK(client.ask(original(1, event)) == R"({"error_code":0,"message":"disconnect ACK"})");
    }
    CHECK(tracker.registry.counts().peers == 1);
    CHECK(tracker.service.totals().announces == 5);
  }

  TEST_CASE(
      "a request with extension keys gets them back, in a swarm of its own or the default one") {
    Tracker tracker;
    Client client(tracker);
    for (const std::string& more :
         {"\"info_hash\": \"" + kHash + "\", \"left\": 0", std::string("\"left\": 0")}) {
      const auto response = parse_announce_response(client.ask(ours(7, more)));
      CHECK(response.error_code == 0);
      CHECK(response.interval == seconds(60));
      CHECK(response.min_interval == seconds(5));
      CHECK(response.complete == 1);
      CHECK(response.incomplete == 0);
      CHECK(response.observed == client.stream.local_endpoint());
    }
    CHECK(tracker.registry.counts().swarms == 2);
  }

  TEST_CASE("who comes to be denied is shown out, and not let in again") {
    CapturedLog log;
    Tracker tracker;
    Client client(tracker);
    client.ask(original(1));
    tracker.server.set_access(AccessList({}, {*Network::parse("127.0.0.0/8")}));
    CHECK(client.closed());
    CHECK(eventually([&] { return log.has("reason=denied"); }));
    Client again(tracker);
    CHECK(again.closed());
    CHECK(tracker.server.denied() == 2);
    tracker.server.set_access({});
    Client third(tracker);
    CHECK_FALSE(third.ask(original(1)) == "closed");
  }

  TEST_CASE("an address that is denied is not announced by others either") {
    CapturedLog log;
    Tracker tracker({"127.0.0.0/8"});
    tracker.service.set_settings({.interval = seconds(60),
                                  .trusted = {*Network::parse("127.0.0.0/8")},
                                  .access = AccessList({}, {*Network::parse("10.0.0.0/8")})});
    Client client(tracker);
    CHECK(client.ask(ours(7, R"("ip": "10.1.1.1")")) == R"({"error_code":1,"message":"denied"})");
    CHECK(parse_announce_response(client.ask(ours(7, R"("ip": "11.1.1.1")"))).error_code == 0);
    CHECK(tracker.service.totals().refused[static_cast<std::size_t>(Refusal::kDenied)] == 1);
    CHECK(tracker.registry.counts().peers == 1);
  }

  TEST_CASE("numwant bounds the answer") {
    Tracker tracker;
    Client client(tracker);
    const std::string hash = "\"info_hash\": \"" + kHash + "\"";
    for (int port = 1; port <= 60; ++port) client.ask(ours(port, hash));
    const auto peers = [&](const std::string& more) {
      return parse_announce_response(client.ask(ours(1, hash + more))).peers->size();
    };
    CHECK(peers("") == 50);
    CHECK(peers(", \"numwant\": 3") == 3);
    CHECK(peers(", \"numwant\": 200") == 59);
  }

  TEST_CASE("a bad request is answered naming the key, and the connection goes on") {
    Tracker tracker;
    Client client(tracker);
    const struct {
      std::string request;
      std::string named;
    } kCases[] = {
        {R"({"peer_id": "x", "event": "started"})", "port"},
        {ours(1, R"("port": 2)"), "port"},
        {ours(1, R"("left": -1)"), "left"},
        {ours(1, R"("info_hash": "abc")"), "info_hash"},
        {ours(1, R"("x": [[[[[[[[[]]]]]]]]])"), ""},
        {"{", ""},
        {"", ""},
        {std::string(kMaxAnnounceRequestBytes, '['), ""},
        {"\xff\xff", ""},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.request.substr(0, 100));
      const auto response = parse_announce_response(client.ask(c.request));
      CHECK(response.error_code == 1);
      CHECK_FALSE(response.message.empty());
      CHECK(response.message.find(c.named) != std::string::npos);
      CHECK_FALSE(response.peers);
    }
    CHECK(parse_announce_response(client.ask(original(1))).error_code == 0);
    CHECK(tracker.service.totals().refused[0] == std::size(kCases));
  }

  TEST_CASE("a full tracker refuses with a message and keeps those it has") {
    Tracker tracker;
    Client client(tracker);
    for (const char* hash : {"1", "2"}) {
      client.ask(ours(1, "\"info_hash\": \"" + std::string(63, '0') + hash + "\""));
    }
    const auto third =
        parse_announce_response(client.ask(ours(1, "\"info_hash\": \"" + kHash + "\"")));
    CHECK(third.error_code == 1);
    CHECK(third.message.find("max_swarms") != std::string::npos);
    CHECK_FALSE(third.observed);
    CHECK(parse_announce_response(client.ask(original(1))).error_code == 0);
    CHECK(tracker.service.totals().refused[1] == 1);
  }

  TEST_CASE("a foreign ip is ignored, and believed from networks that are trusted") {
    const std::string claimed = R"("ip": "10.9.8.7")";
    {
      Tracker tracker;
      Client client(tracker);
      client.ask(ours(1, claimed));
      CHECK(client.ask(original(2)).find("\"peer-ip\":\"127.0.0.1\"") != std::string::npos);
    }
    Tracker tracker({"127.0.0.0/8"});
    Client client(tracker);
    client.ask(ours(1, claimed));
    CHECK(client.ask(original(2)).find("\"peer-ip\":\"10.9.8.7\"") != std::string::npos);
    CHECK(tracker.registry.leave(std::nullopt, *Endpoint::parse("10.9.8.7:1")));
  }

  TEST_CASE("nobody leaves for another") {
    Tracker tracker;
    const Endpoint other = *Endpoint::parse("10.9.8.7:1");
    tracker.registry.announce({.swarm = std::nullopt,
                               .peer = other,
                               .peer_id = "other",
                               .renews = false,
                               .complete = false,
                               .numwant = 0},
                              Clock::now());
    Client client(tracker);
    CHECK(client.ask(ours(1, R"("ip": "10.9.8.7")", "completed")) ==
          R"({"error_code":0,"message":"disconnect ACK"})");
    CHECK(tracker.registry.counts().peers == 1);
  }

  TEST_CASE("a frame over the bound ends the connection before its body") {
    Tracker tracker;
    for (const std::uint64_t length : {kMaxAnnounceRequestBytes + 1, ~std::uint64_t{0}}) {
      Client client(tracker);
      client.stream.send_all(encode_frame_header(length), soon());
      CHECK(client.closed());
    }
    CHECK(tracker.service.totals().announces == 0);
  }

  TEST_CASE("a request cut off ends the connection, and the next one is served") {
    Tracker tracker;
    for (const std::size_t sent : {0, 3, 8, 20}) {
      Client client(tracker);
      std::vector<std::byte> bytes(40, std::byte{0});
      bytes[7] = std::byte{32};
      client.stream.send_all(std::span(bytes).first(sent), soon());
      client.stream.finish_sending();
      CHECK(client.closed());
    }
    Client client(tracker);
    CHECK(parse_announce_response(client.ask(original(1))).error_code == 0);
  }

  TEST_CASE("who was answered and stays makes room for a newcomer") {
    Tracker tracker;
    std::vector<std::unique_ptr<Client>> guests;
    for (int i = 0; i < 50; ++i) {
      guests.push_back(std::make_unique<Client>(tracker));
      CHECK(parse_announce_response(guests.back()->ask(original(1))).error_code == 0);
    }
    for (int i = 0; i < 10; ++i) {
      Client newcomer(tracker);
      CHECK(parse_announce_response(newcomer.ask(original(2))).error_code == 0);
    }
    CHECK(tracker.registry.counts().peers == 2);
  }

  TEST_CASE("stopping wakes connections that say nothing") {
    Tracker tracker;
    Client client(tracker);
    client.ask(original(1));
    tracker.server.stop();
    CHECK(client.closed());
    CHECK(tracker.server.connections() == 0);
  }

  TEST_CASE("many clients announce at once") {
    constexpr int kClients = 8;
    constexpr int kRequests = 20;
    Tracker tracker;
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&tracker, i] {
        Client client(tracker);
        const std::string hash = "\"info_hash\": \"" + kHash + "\", \"left\": 1";
        for (int r = 0; r < kRequests; ++r) {
          CHECK(parse_announce_response(client.ask(ours(1000 + i, hash))).error_code == 0);
        }
      });
    }
    for (std::thread& client : clients) client.join();
    CHECK(tracker.registry.counts().peers == kClients);
    CHECK(tracker.service.totals().announces == kClients * kRequests);
  }
}

}  // namespace
}  // namespace piecework::tracker
