#include "tracker/swarm_registry.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace piecework::tracker {
namespace {

using Outcome = SwarmRegistry::Outcome;

constexpr SwarmRegistry::Limits kLimits{.swarms = 1000,
                                        .peers = 1'000'000,
                                        .renewing_expiry = seconds(150),
                                        .original_expiry = std::chrono::hours(24)};
const TimePoint kStart{std::chrono::hours(1)};

InfoHash hash_number(std::uint8_t number) {
  std::array<std::byte, 32> bytes{};
  bytes[0] = std::byte{number};
  return InfoHash(bytes);
}

Endpoint v4(unsigned number) {
  const std::string text = "10." + std::to_string(number >> 16) + "." +
                           std::to_string((number >> 8) & 0xff) + "." +
                           std::to_string(number & 0xff) + ":5555";
  return *Endpoint::parse(text);
}

Endpoint v6(unsigned number) {
  return *Endpoint::parse("[fd00::" + std::to_string(number) + "]:5555");
}

SwarmRegistry::Announce ours(const SwarmName& swarm, const Endpoint& peer) {
  return {.swarm = swarm,
          .peer = peer,
          .peer_id = "id of " + peer.to_string(),
          .renews = true,
          .complete = false,
          .numwant = 50};
}

SwarmRegistry::Announce original(const Endpoint& peer) {
  auto announce = ours(std::nullopt, peer);
  announce.renews = false;
  return announce;
}

std::vector<std::string> addresses(const SwarmRegistry::Answer& answer) {
  std::vector<std::string> names;
  for (const AnnouncedPeer& peer : answer.peers) names.push_back(peer.endpoint.to_string());
  return names;
}

std::set<std::string> address_set(const SwarmRegistry::Answer& answer) {
  const auto names = addresses(answer);
  return {names.begin(), names.end()};
}

TEST_SUITE("swarm_registry") {
  TEST_CASE("peers that are denied are taken out of every swarm, a few places at a time") {
    SwarmRegistry registry(kLimits, 1);
    for (unsigned i = 1; i <= 20; ++i) {
      registry.announce(ours(hash_number(static_cast<std::uint8_t>(i % 3)), v4(i)), kStart);
    }
    registry.announce(original(v4(7)), kStart);
    registry.announce(ours(hash_number(99), v4(8)), kStart);  // alone, and the swarm goes with it
    registry.leave(hash_number(1), v4(1));
    const AccessList access({}, {*Network::parse("10.0.0.0/29"), *Network::parse("10.0.0.8")});
    std::vector<SwarmRegistry::Departed> departed;
    std::optional<std::size_t> next;
    int looks = 0;
    do {
      const auto some = registry.take_out_denied(access, 5, next);
      departed.insert(departed.end(), some.begin(), some.end());
      ++looks;
    } while (next);
    CHECK(looks == 5);
    CHECK(departed.size() == 9);
    for (const auto& [swarm, peer] : departed) CHECK_FALSE(access.admits(peer.address));
    CHECK(registry.counts().peers == 12);
    CHECK(registry.counts().swarms == 3);
    CHECK(registry.take_out_denied(access, 100, next).empty());
    CHECK_FALSE(next);
  }

  TEST_CASE("peers of one swarm learn of each other and never of themselves") {
    SwarmRegistry registry(kLimits, 1);
    const auto first = registry.announce(ours(hash_number(1), v4(1)), kStart);
    CHECK(first.outcome == Outcome::kJoined);
    CHECK(first.new_swarm);
    CHECK(first.peers.empty());
    const auto second = registry.announce(ours(hash_number(1), v4(2)), kStart);
    CHECK_FALSE(second.new_swarm);
    CHECK(second.peers == std::vector<AnnouncedPeer>{{"id of 10.0.0.1:5555", v4(1)}});
    const auto again = registry.announce(ours(hash_number(1), v4(1)), kStart);
    CHECK(again.outcome == Outcome::kRenewed);
    CHECK(addresses(again) == std::vector<std::string>{"10.0.0.2:5555"});
  }

  TEST_CASE("swarms are kept apart, also from the default swarm") {
    SwarmRegistry registry(kLimits, 1);
    registry.announce(ours(hash_number(1), v4(1)), kStart);
    registry.announce(original(v4(2)), kStart);
    CHECK(registry.announce(ours(hash_number(2), v4(3)), kStart).peers.empty());
    CHECK(addresses(registry.announce(original(v4(3)), kStart)) ==
          std::vector<std::string>{"10.0.0.2:5555"});
    CHECK(registry.counts().swarms == 3);
    CHECK(registry.counts().peers == 4);
  }

  TEST_CASE("an entry is an address with its port, whatever it calls itself") {
    SwarmRegistry registry(kLimits, 1);
    auto announce = original(*Endpoint::parse("10.0.0.1:1"));
    announce.peer_id = "127.0.0.1:5555";
    registry.announce(announce, kStart);
    announce.peer = *Endpoint::parse("10.0.0.1:2");
    CHECK(registry.announce(announce, kStart).outcome == Outcome::kJoined);
    announce.peer_id = "renamed";
    CHECK(registry.announce(announce, kStart).outcome == Outcome::kRenewed);
    const auto seen = registry.announce(original(v4(9)), kStart);
    REQUIRE(seen.peers.size() == 2);
    CHECK(seen.peers[0].peer_id == "renamed");
    CHECK(seen.peers[1].peer_id == "127.0.0.1:5555");
  }

  TEST_CASE("a hashed swarm answers with both families") {
    SwarmRegistry registry(kLimits, 1);
    registry.announce(ours(hash_number(1), v6(1)), kStart);
    registry.announce(ours(hash_number(1), v4(1)), kStart);
    CHECK(address_set(registry.announce(ours(hash_number(1), v4(2)), kStart)) ==
          std::set<std::string>{"10.0.0.1:5555", "[fd00::1]:5555"});
    CHECK(registry.announce(ours(hash_number(1), v6(2)), kStart).peers.size() == 3);
  }

  TEST_CASE("the default swarm answers with the eight most recent IPv4 peers, newest first") {
    SwarmRegistry registry(kLimits, 1);
    for (unsigned i = 1; i <= 12; ++i) {
      const TimePoint now = kStart + seconds(i);
      registry.announce(i % 2 == 0 ? original(v4(i)) : ours(std::nullopt, v4(i)), now);
      registry.announce(ours(std::nullopt, v6(i)), now);
      registry.announce(original(v6(i + 100)), now);
    }
    registry.announce(ours(std::nullopt, v4(3)), kStart + seconds(20));  // a heartbeat
    const auto answer = registry.announce(original(v4(10)), kStart + seconds(21));
    CHECK(addresses(answer) == std::vector<std::string>{"10.0.0.3:5555", "10.0.0.12:5555",
                                                        "10.0.0.11:5555", "10.0.0.9:5555",
                                                        "10.0.0.8:5555", "10.0.0.7:5555",
                                                        "10.0.0.6:5555", "10.0.0.5:5555"});
  }

  TEST_CASE("numwant is what is answered at most") {
    SwarmRegistry registry(kLimits, 1);
    for (unsigned i = 1; i <= 20; ++i) {
      registry.announce(ours(hash_number(1), v4(i)), kStart);
      registry.announce(original(v4(i)), kStart);
    }
    for (const std::size_t numwant : {0, 1, 5, 19, 20, 200}) {
      auto announce = ours(hash_number(1), v4(7));
      announce.numwant = numwant;
      const auto answer = registry.announce(announce, kStart);
      CHECK(answer.peers.size() == std::min<std::size_t>(numwant, 19));
      CHECK(address_set(answer).size() == answer.peers.size());
      CHECK(address_set(answer).count("10.0.0.7:5555") == 0);
      announce.swarm = std::nullopt;
      CHECK(registry.announce(announce, kStart).peers.size() == std::min<std::size_t>(numwant, 8));
    }
  }

  TEST_CASE("every peer of a large swarm is equally likely to be named") {
    constexpr unsigned kPeers = 40;
    constexpr int kRounds = 4000;
    SwarmRegistry registry(kLimits, 12345);
    for (unsigned i = 0; i < kPeers; ++i) registry.announce(ours(hash_number(1), v4(i)), kStart);
    auto asker = ours(hash_number(1), v4(0));
    asker.numwant = 10;
    std::map<std::string, int> named;
    for (int round = 0; round < kRounds; ++round) {
      for (const std::string& name : addresses(registry.announce(asker, kStart))) ++named[name];
    }
    CHECK(named.size() == kPeers - 1);
    // Expected 4000 × 10 / 39 ≈ 1026 each, with a standard deviation of about 28.
    for (const auto& [name, count] : named) {
      CAPTURE(name);
      CHECK(count > 1026 - 150);
      CHECK(count < 1026 + 150);
    }
  }

  TEST_CASE("complete and incomplete peers are counted through joins, renewals and leaves") {
    SwarmRegistry registry(kLimits, 1);
    auto seed = ours(hash_number(1), v4(1));
    seed.complete = true;
    CHECK(registry.announce(seed, kStart).complete == 1);
    auto leech = ours(hash_number(1), v4(2));
    const auto before = registry.announce(leech, kStart);
    CHECK(before.complete == 1);
    CHECK(before.incomplete == 1);
    leech.complete = true;
    const auto after = registry.announce(leech, kStart);
    CHECK(after.complete == 2);
    CHECK(after.incomplete == 0);
    CHECK(registry.leave(hash_number(1), v4(1)));
    CHECK(registry.announce(leech, kStart).complete == 1);
    leech.complete = false;
    CHECK(registry.announce(leech, kStart).complete == 0);
  }

  TEST_CASE("a peer leaves only its own swarm and only by its own address") {
    SwarmRegistry registry(kLimits, 1);
    registry.announce(ours(hash_number(1), v4(1)), kStart);
    registry.announce(original(v4(1)), kStart);
    CHECK_FALSE(registry.leave(hash_number(1), v4(2)));
    CHECK_FALSE(registry.leave(hash_number(2), v4(1)));
    CHECK_FALSE(registry.leave(hash_number(1), *Endpoint::parse("10.0.0.1:5556")));
    CHECK(registry.leave(hash_number(1), v4(1)));
    CHECK_FALSE(registry.leave(hash_number(1), v4(1)));
    CHECK(registry.counts().swarms == 1);
    CHECK(registry.leave(std::nullopt, v4(1)));
    CHECK(registry.counts().swarms == 0);
    CHECK(registry.counts().peers == 0);
  }

  TEST_CASE("peers that stop renewing expire, originals after a time of their own") {
    SwarmRegistry registry(kLimits, 1);
    registry.announce(ours(hash_number(1), v4(1)), kStart);
    registry.announce(ours(hash_number(1), v4(2)), kStart + seconds(100));
    registry.announce(original(v4(3)), kStart);
    registry.announce(ours(std::nullopt, v4(4)), kStart);
    CHECK(registry.expire(kStart + seconds(150), 100).empty());
    const auto gone = registry.expire(kStart + seconds(151), 100);
    REQUIRE(gone.size() == 2);
    CHECK(gone[0].peer == v4(1));
    CHECK(gone[0].swarm == hash_number(1));
    CHECK(gone[1].peer == v4(4));
    CHECK_FALSE(gone[1].swarm);
    CHECK(registry.counts().peers == 2);
    CHECK(registry.expire(kStart + std::chrono::hours(24), 100).size() == 1);
    CHECK(registry.expire(kStart + std::chrono::hours(24) + seconds(1), 100).size() == 1);
    CHECK(registry.counts().peers == 0);
    CHECK(registry.counts().swarms == 0);
  }

  TEST_CASE("a renewal puts expiry off") {
    SwarmRegistry registry(kLimits, 1);
    for (int i = 0; i < 10; ++i) {
      const TimePoint now = kStart + seconds(140 * i);
      registry.announce(ours(hash_number(1), v4(1)), now);
      CHECK(registry.expire(now + seconds(140), 100).empty());
    }
  }

  TEST_CASE("an original that turns out to be one of ours expires as one of ours") {
    SwarmRegistry registry(kLimits, 1);
    registry.announce(original(v4(1)), kStart);
    CHECK(registry.announce(ours(std::nullopt, v4(1)), kStart).outcome == Outcome::kRenewed);
    CHECK(registry.expire(kStart + seconds(151), 100).size() == 1);
  }

  TEST_CASE("expiry takes no more than it is allowed at a time") {
    SwarmRegistry registry(kLimits, 1);
    for (unsigned i = 0; i < 25; ++i) registry.announce(ours(hash_number(1), v4(i)), kStart);
    const TimePoint later = kStart + seconds(1000);
    CHECK(registry.expire(later, 10).size() == 10);
    CHECK(registry.expire(later, 10).size() == 10);
    CHECK(registry.expire(later, 10).size() == 5);
  }

  TEST_CASE("an announce with an older time does not upset the order") {
    SwarmRegistry registry(kLimits, 1);
    registry.announce(ours(hash_number(1), v4(1)), kStart + seconds(10));
    registry.announce(ours(hash_number(1), v4(2)), kStart);
    CHECK(registry.expire(kStart + seconds(160), 10).empty());
    CHECK(registry.expire(kStart + seconds(161), 10).size() == 2);
  }

  TEST_CASE("full is full for newcomers, and whoever is in stays in") {
    auto limits = kLimits;
    limits.swarms = 2;
    limits.peers = 4;
    SwarmRegistry registry(limits, 1);
    registry.announce(ours(hash_number(1), v4(1)), kStart);
    registry.announce(ours(hash_number(2), v4(1)), kStart);
    const auto third = registry.announce(ours(hash_number(3), v4(1)), kStart);
    CHECK(third.outcome == Outcome::kTooManySwarms);
    CHECK(third.peers.empty());
    CHECK(registry.announce(original(v4(1)), kStart).outcome == Outcome::kJoined);
    CHECK(registry.announce(ours(hash_number(1), v4(2)), kStart).outcome == Outcome::kJoined);
    CHECK(registry.announce(ours(hash_number(1), v4(3)), kStart).outcome == Outcome::kTooManyPeers);
    CHECK(registry.announce(ours(hash_number(1), v4(2)), kStart).outcome == Outcome::kRenewed);
    CHECK(registry.counts().peers == 4);
    registry.leave(hash_number(2), v4(1));
    CHECK(registry.announce(ours(hash_number(3), v4(1)), kStart).outcome == Outcome::kJoined);
  }

  TEST_CASE("limits that sink throw nobody out, but hold for newcomers and for expiry") {
    SwarmRegistry registry(kLimits, 1);
    for (unsigned i = 0; i < 5; ++i) registry.announce(ours(hash_number(1), v4(i)), kStart);
    auto limits = kLimits;
    limits.peers = 2;
    limits.renewing_expiry = seconds(10);
    registry.set_limits(limits);
    CHECK(registry.counts().peers == 5);
    CHECK(registry.announce(ours(hash_number(1), v4(9)), kStart).outcome == Outcome::kTooManyPeers);
    CHECK(registry.announce(ours(hash_number(1), v4(1)), kStart + seconds(5)).outcome ==
          Outcome::kRenewed);
    CHECK(registry.expire(kStart + seconds(11), 100).size() == 4);
  }

  TEST_CASE("places given up are used again") {
    SwarmRegistry registry(kLimits, 1);
    for (int round = 0; round < 50; ++round) {
      for (unsigned i = 0; i < 20; ++i) {
        registry.announce(ours(hash_number(std::uint8_t(i % 3)), v4(i)), kStart);
      }
      for (unsigned i = 0; i < 20; ++i) {
        CHECK(registry.leave(hash_number(std::uint8_t(i % 3)), v4(i)));
      }
    }
    CHECK(registry.counts().peers == 0);
    CHECK(registry.counts().swarms == 0);
  }

  TEST_CASE("many threads join, renew, leave and expire at once") {
    constexpr unsigned kThreads = 4;
    constexpr unsigned kRounds = 300;
    SwarmRegistry registry(kLimits, 1);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&registry, t] {
        for (unsigned i = 0; i < kRounds; ++i) {
          const SwarmName swarm =
              i % 4 == 0 ? SwarmName() : SwarmName(hash_number(std::uint8_t(i % 3)));
          const TimePoint now = kStart + seconds(i);
          auto announce = ours(swarm, v4(t * kRounds + i));
          announce.complete = i % 2 == 0;
          const auto answer = registry.announce(announce, now);
          for (const AnnouncedPeer& peer : answer.peers) REQUIRE(peer.endpoint != announce.peer);
          registry.announce(announce, now);
          if (i % 3 == 0) registry.leave(swarm, announce.peer);
          if (i % 50 == 0) registry.expire(now, 7);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    while (!registry.expire(kStart + std::chrono::hours(48), 100).empty()) {
    }
    CHECK(registry.counts().peers == 0);
    CHECK(registry.counts().swarms == 0);
  }

  TEST_CASE("an asker is told of its own network first, and of a quarter from elsewhere") {
    SwarmRegistry registry(kLimits, 1);
    const auto swarm = hash_number(1);
    const auto in = [&](unsigned number, NetworkIndex network) {
      auto announce = ours(swarm, v4(number));
      announce.network = network;
      announce.numwant = 20;
      return announce;
    };
    for (unsigned i = 0; i < 100; ++i) registry.announce(in(i, 1), kStart);
    for (unsigned i = 100; i < 200; ++i) registry.announce(in(i, 2), kStart);
    for (unsigned i = 200; i < 300; ++i) registry.announce(in(i, kNoNetwork), kStart);
    std::set<std::string> near;
    for (unsigned i = 0; i < 100; ++i) near.insert(v4(i).to_string());
    std::map<std::string, int> told;
    for (int round = 0; round < 200; ++round) {
      const auto names = addresses(registry.announce(in(5, 1), kStart));
      REQUIRE(names.size() == 20);
      for (std::size_t i = 0; i < names.size(); ++i) CHECK(near.contains(names[i]) == (i < 15));
      CHECK(std::set(names.begin(), names.end()).size() == names.size());
      for (const std::string& name : names) ++told[name];
    }
    CHECK_FALSE(told.contains(v4(5).to_string()));
    CHECK(told.size() == 299);  // sooner or later everybody

    // From no network, all are the same.
    told.clear();
    for (int round = 0; round < 200; ++round) {
      for (const auto& name : addresses(registry.announce(in(205, kNoNetwork), kStart)))
        ++told[name];
    }
    CHECK(told.size() == 299);
    CHECK(told[v4(5).to_string()] < 40);  // 13 expected
  }

  TEST_CASE("what one side cannot fill comes from the other, and nobody is told of twice") {
    SwarmRegistry registry(kLimits, 1);
    const auto swarm = hash_number(1);
    const auto told = [&](unsigned number, NetworkIndex network, std::size_t numwant) {
      auto announce = ours(swarm, v4(number));
      announce.network = network;
      announce.numwant = numwant;
      const auto names = addresses(registry.announce(announce, kStart));
      CHECK(std::set(names.begin(), names.end()).size() == names.size());
      return names.size();
    };
    for (unsigned i = 0; i < 4; ++i) told(i, 1, 10);
    for (unsigned i = 10; i < 30; ++i) told(i, 2, 10);
    CHECK(told(0, 1, 10) == 10);   // 3 near, 7 from elsewhere
    CHECK(told(10, 2, 30) == 23);  // all the others
    CHECK(told(0, 1, 0) == 0);
    CHECK(told(0, 1, 1) == 1);
    CHECK(told(40, 3, 10) == 10);  // the first of its network
  }

  TEST_CASE("a peer whose network has changed moves when it announces again") {
    SwarmRegistry registry(kLimits, 1);
    auto announce = ours(hash_number(1), v4(1));
    announce.network = 1;
    registry.announce(announce, kStart);
    announce.network = 2;
    registry.announce(announce, kStart);
    CHECK(registry.counts().peers == 1);
    CHECK(registry.leave(hash_number(1), v4(1)));
    CHECK(registry.counts().swarms == 0);
  }
}

}  // namespace
}  // namespace piecework::tracker
