#include "peer/dialler.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_peer.h"
#include "tests/support/peer_node.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

// A torrent of which nothing is held, and one other peer, which listens.
struct Rig {
  explicit Rig(std::size_t length = 30, std::uint32_t piece_length = 10)
      : sample(sample_torrent(length, piece_length)),
        node(sample, std::string(sample.torrent.layout.count(), '0')) {}
  ~Rig() { threads.stop(); }

  void dial() { dialler.dial_due(node.swarm()); }
  FakePeer accept_and_introduce() {
    FakePeer fake(listener.accept());
    fake.introduce(std::string(sample.torrent.layout.count(), '1'), greeting_for(sample.torrent));
    return fake;
  }
  bool is_kept() const { return owner.use_count() > 1; }

  CapturedLog log;
  SampleTorrent sample;
  PeerNode node;
  LoopbackListener listener;
  BanList bans;
  std::shared_ptr<int> owner = std::make_shared<int>();
  std::atomic<int> changes = 0;
  ConnectionThreads threads{"peer", {10, 10}};
  Dialler dialler{sample.torrent,
                  {threads, bans, TlsCredentials::none(), 0},
                  {.keep = [this] { return owner; },
                   .swarm = [this] { return std::shared_ptr<Swarm>(owner, &node.swarm()); },
                   .changed = [this] { ++changes; }},
                  1};
};

TEST_SUITE("dialler") {
  TEST_CASE("who is due is dialled once, and its connection keeps the torrent until it ends") {
    Rig rig;
    CHECK(rig.dialler.next_due() == kNoDeadline);
    rig.dialler.named_by_tracker({rig.listener.endpoint()});
    CHECK(rig.dialler.known() == 1);
    rig.dial();
    FakePeer fake = rig.accept_and_introduce();
    CHECK(eventually([&] { return rig.node.swarm().size() == 1; }));
    CHECK(rig.is_kept());
    CHECK(eventually([&] { return rig.changes > 0; }));
    CHECK(rig.dialler.next_due() == kNoDeadline);
    fake.stream().shutdown();
    CHECK(eventually([&] { return !rig.is_kept(); }));
    CHECK(rig.dialler.next_due() != kNoDeadline);
  }

  TEST_CASE("who cannot be reached is due again, later") {
    Rig rig;
    const RefusingPort nobody;
    rig.dialler.named_by_tracker({nobody.endpoint()});
    const TimePoint from = Clock::now();
    rig.dial();
    CHECK(eventually([&] { return rig.changes == 1; }));
    CHECK(rig.dialler.next_due() > from);
    CHECK(rig.dialler.next_due() != kNoDeadline);
  }

  TEST_CASE("who is banned or denied is not dialled; once admitted again it is due at once") {
    Rig rig;
    const Endpoint peer = rig.listener.endpoint();
    const Endpoint bad = *Endpoint::parse("127.0.0.1:1");
    rig.bans.ban(bad.address, "1", Clock::now());
    rig.dialler.named_by_tracker({bad});
    rig.dial();
    CHECK(rig.threads.count() == 0);
    rig.threads.set_access(AccessList({}, {*Network::parse("127.0.0.0/8")}),
                           ConnectionThreads::Live::kAll);
    rig.dialler.named_by_tracker({peer});
    rig.dial();
    CHECK(rig.threads.count() == 0);
    CHECK(rig.log.has("peer.not_dialled peer=" + peer.to_string() + " reason=denied"));
    rig.threads.set_access({}, ConnectionThreads::Live::kAll);
    const int before = rig.changes;
    rig.dialler.readmit();
    CHECK(rig.changes == before + 1);
    CHECK(rig.dialler.next_due() <= Clock::now());
    rig.dial();
    const FakePeer fake = rig.accept_and_introduce();
    CHECK(eventually([&] { return rig.node.swarm().size() == 1; }));
  }

  TEST_CASE("when there is no place it is said why, and tried again later") {
    Rig rig;
    rig.threads.set_limits({.total = 0, .per_address = 10});
    rig.dialler.named_by_tracker({rig.listener.endpoint()});
    rig.dial();
    CHECK(rig.log.has("peer.not_dialled"));
    CHECK(rig.log.has("reason=max_connections"));
    CHECK_FALSE(rig.is_kept());
    CHECK(rig.changes == 1);  // another thread than this may wait until it is due
    CHECK(rig.dialler.next_due() > Clock::now());
    CHECK(rig.dialler.next_due() != kNoDeadline);
  }

  TEST_CASE("of several threads that dial at once, one dials each peer") {
    constexpr int kPeers = 30;
    Rig rig;
    rig.threads.set_limits({.total = 0, .per_address = 10});
    std::vector<Endpoint> peers(kPeers, rig.listener.endpoint());
    std::uint16_t port = 0;
    for (Endpoint& peer : peers) peer.port = ++port;
    rig.dialler.named_by_tracker(peers);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { rig.dial(); });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(rig.changes == kPeers);
  }

  TEST_CASE("a single peer that has much for us gets a second connection, and no third at once") {
    Rig rig(std::size_t{17} << 20, 1 << 20);
    rig.dialler.named_by_tracker({rig.listener.endpoint()});
    rig.dial();
    const FakePeer first = rig.accept_and_introduce();
    const auto connections = [&] { return rig.node.swarm().connections(); };
    CHECK(eventually([&] {
      return connections().size() == 1 && connections().front()->status().standing.wanted == 17;
    }));
    rig.dial();
    const FakePeer second(rig.listener.accept());
    CHECK(rig.threads.count() == 2);
    rig.dial();
    CHECK(rig.threads.count() == 2);
  }

  TEST_CASE("who dials us is not dialled while it is here") {
    Rig rig;
    const Endpoint peer = rig.listener.endpoint();
    StreamPair pair = tcp_stream_pair();
    const auto accept = [&](ConnectionThreads::Connection& connection) {
      auto first = recv_first_frame(connection.stream(), 100, soon());
      if (first) rig.dialler.accept(connection, std::move(*first));
    };
    rig.threads.start(std::move(pair.right), peer, ConnectionThreads::Origin::kAccepted, accept);
    FakePeer fake(std::move(pair.left));
    Greeting greeting = greeting_for(rig.sample.torrent);
    greeting.port = peer.port;
    fake.introduce("111", greeting);
    CHECK(eventually([&] { return rig.changes == 1; }));
    rig.dialler.named_by_tracker({peer});
    rig.dial();
    CHECK(rig.threads.count() == 1);
    CHECK(rig.dialler.next_due() == kNoDeadline);
    fake.stream().shutdown();
    CHECK(eventually([&] { return rig.changes == 2; }));
    CHECK(rig.dialler.next_due() != kNoDeadline);
  }
}

}  // namespace
}  // namespace piecework::peer
