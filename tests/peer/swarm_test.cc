#include "peer/swarm.h"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "peer/exchange.h"
#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_peer.h"
#include "tests/support/peer_node.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

using Side = Talk::Side;

const Endpoint kOneHost = *Endpoint::parse("10.0.0.1:5555");

// A connection between two nodes, both of which take it for one to kOneHost.
struct Link {
  Link(PeerNode& dialler, PeerNode& accepter) : Link(dialler, accepter, tcp_stream_pair()) {}
  Link(PeerNode& dialler, PeerNode& accepter, StreamPair pair)
      : dials(dialler, std::move(pair.left), Side::kDialled, kOneHost),
        accepts(accepter, std::move(pair.right), Side::kAccepted, kOneHost) {}

  Talk dials;
  Talk accepts;
};

// A fake that has met the node, and heard all that the node has to say at first.
struct Guest {
  Guest(PeerNode& node, const PeerId& peer_id, std::string_view pieces, Side side = Side::kAccepted)
      : Guest(node, peer_id, pieces, side, tcp_stream_pair()) {}
  Guest(PeerNode& node, const PeerId& peer_id, std::string_view pieces, Side side, StreamPair pair)
      : talk(node, std::move(pair.left), side, kOneHost), fake(std::move(pair.right)) {
    fake.introduce(pieces, greeting_for(node.sample().torrent, peer_id));
    fake.hear_sorted(2);
  }

  Talk talk;
  FakePeer fake;
};

TEST_SUITE("swarm") {
  TEST_CASE("of two crossing connections the one dialled by the smaller peer_id stays") {
    for (const bool smaller_first : {true, false}) {
      const CapturedLog log;
      const SampleTorrent sample = sample_torrent(100, 10);
      PeerNode small(sample, "1111100000", "aaa");
      PeerNode large(sample, "1111100000", "bbb");
      std::optional<Link> by_small;
      std::optional<Link> by_large;
      for (const bool now_smaller : {smaller_first, !smaller_first}) {
        if (now_smaller) by_small.emplace(small, large);
        if (!now_smaller) by_large.emplace(large, small);
      }
      by_large->dials.outcome();
      by_large->accepts.outcome();
      CHECK(log.has("reason=surplus"));
      for (PeerNode* node : {&small, &large}) {
        CHECK(eventually([&] { return node->swarm().size() == 1; }));
        CHECK(node->swarm().connections().front()->dialled_by() == "aaa");
      }
      // And it works: a piece that one gets comes to the other.
      small.store().write_piece(PieceIndex(7), bytes_of(sample.piece(PieceIndex(7))));
      small.swarm().left().complete(PieceIndex(7));
      small.swarm().piece_stored(PieceIndex(7));
      CHECK(eventually([&] { return large.swarm().left().is_held(PieceIndex(7)); }));
    }
  }

  TEST_CASE("connections that cross at the same instant end with one, over and over") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(100, 10);
    for (int round = 0; round < 20; ++round) {
      PeerNode small(sample, "1111100000", "aaa");
      PeerNode large(sample, "1111100000", "bbb");
      Link by_large(large, small);
      Link by_small(small, large);
      by_large.dials.outcome();
      by_large.accepts.outcome();
      CHECK(eventually([&] { return small.swarm().size() == 1 && large.swarm().size() == 1; }));
    }
  }

  TEST_CASE("of two connections that we dialled the older one stays, whichever answers first") {
    for (const bool older_first : {true, false}) {
      const CapturedLog log;
      const SampleTorrent sample = sample_torrent(30, 10);
      PeerNode node(sample, "100");
      StreamPair pair = tcp_stream_pair();
      Talk older(node, std::move(pair.left), Side::kDialled, kOneHost);
      FakePeer on_older(std::move(pair.right));
      on_older.hear();
      pair = tcp_stream_pair();
      Talk newer(node, std::move(pair.left), Side::kDialled, kOneHost);
      FakePeer on_newer(std::move(pair.right));
      on_newer.hear();
      for (const bool now_older : {older_first, !older_first}) {
        FakePeer& answers = now_older ? on_older : on_newer;
        answers.introduce("000", greeting_for(sample.torrent, "guest"));
        const std::string heard = answers.hear();
        CHECK(heard == (now_older || !older_first ? "UnInterested" : "ServerClose"));
      }
      if (!older_first) CHECK(on_newer.hear() == "ServerClose");
      on_newer.stream().shutdown();
      CHECK(newer.outcome() == Outcome::kSurplus);
      on_older.say(MessageId::kInterested);
      CHECK(on_older.hear() == "UnChoke");
      CHECK(node.swarm().size() == 1);
    }
  }

  TEST_CASE("of two connections that a peer dialled it is the peer that ends one") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode node(sample, "100");
    Guest older(node, "guest", "000");
    Guest newer(node, "guest", "000");
    for (Guest* guest : {&older, &newer}) {
      guest->fake.say(MessageId::kInterested);
      CHECK(guest->fake.hear() == "UnChoke");
    }
    CHECK(node.swarm().size() == 2);
  }

  TEST_CASE("a connection that is about to end does not stand in the way of the next") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode node(sample, "100");
    Guest ending(node, "guest", "000", Side::kDialled);
    ending.talk.connection().close(Outcome::kStopped);
    Guest next(node, "guest", "000", Side::kDialled);
    next.fake.say(MessageId::kInterested);
    CHECK(next.fake.hear() == "UnChoke");
  }

  TEST_CASE("two that dial each other twice at the same instant end with one connection") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(100, 10);
    for (int round = 0; round < 10; ++round) {
      PeerNode small(sample, "1111100000", "aaa");
      PeerNode large(sample, "1111100000", "bbb");
      Link one(small, large);
      Link two(large, small);
      Link three(small, large);
      Link four(large, small);
      for (Link* surplus : {&two, &four}) {
        surplus->dials.outcome();
        surplus->accepts.outcome();
      }
      CHECK(eventually([&] { return small.swarm().size() == 1 && large.swarm().size() == 1; }));
      CHECK(small.swarm().connections().front()->dialled_by() == "aaa");
    }
  }

  TEST_CASE("two peers on one host, or one peer with two connection numbers, both stay") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode node(sample, "100");
    Guest one(node, "one", "000");
    Guest two(node, "two", "000");
    StreamPair pair = tcp_stream_pair();
    Talk third(node, std::move(pair.left), Side::kAccepted, kOneHost);
    FakePeer second_of_two(std::move(pair.right));
    Greeting greeting = greeting_for(sample.torrent, "two");
    greeting.connection = 1;
    second_of_two.introduce("000", greeting);
    second_of_two.hear_sorted(2);
    for (FakePeer* fake : {&one.fake, &two.fake, &second_of_two}) {
      fake->say(MessageId::kInterested);
      CHECK(fake->hear() == "UnChoke");
    }
    CHECK(node.swarm().size() == 3);
  }

  TEST_CASE("a slot that is given up goes to who waits longest, and with time it goes round") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode node(sample, "111");
    node.bandwidth().set({.upload_slots = 1});
    Guest one(node, "one", "000");
    Guest two(node, "two", "000");
    Guest three(node, "three", "000");
    CHECK(node.swarm().tend(Clock::now()) == kNoDeadline);
    one.fake.say(MessageId::kInterested);
    CHECK(one.fake.hear() == "UnChoke");
    CHECK(node.must_tend() == 0);
    CHECK(node.swarm().tend(Clock::now()) == kNoDeadline);
    two.fake.say(MessageId::kInterested);
    CHECK(eventually([&] { return node.must_tend() == 1; }));
    const TimePoint due = node.swarm().tend(Clock::now());
    CHECK(due > Clock::now());
    CHECK(due <= Clock::now() + kRotateEvery);
    const auto waiting = [&] {
      int count = 0;
      for (const auto& connection : node.swarm().connections()) {
        const auto peer = connection->wants_slot(ChokeRound::kFill);
        count += peer && !peer->unchoked ? 1 : 0;
      }
      return count;
    };
    three.fake.say(MessageId::kInterested);
    REQUIRE(eventually([&] { return waiting() == 2; }));

    one.fake.say(MessageId::kUnInterested);
    CHECK(two.fake.hear() == "UnChoke");
    CHECK(node.swarm().tend(Clock::now() + kRotateEvery) > Clock::now() + kRotateEvery);
    CHECK(two.fake.hear() == "Choke");
    CHECK(three.fake.hear() == "UnChoke");
    two.fake.say(MessageId::kRequest, 0);  // it crossed the Choke
    CHECK(two.fake.hear() == "Choke");
    three.fake.say(MessageId::kRequest, 1);
    CHECK(three.fake.hear() == "Piece 1");

    three.fake.stream().shutdown();
    CHECK(two.fake.hear() == "UnChoke");
    two.fake.say(MessageId::kRequest, 2);
    CHECK(two.fake.hear() == "Piece 2");
    CHECK(node.swarm().tend(Clock::now()) == kNoDeadline);
  }

  TEST_CASE("who does not read loses its slot to who waits, and has its turn again when it reads") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(2 << 20, 1 << 20);
    PeerNode node(sample, "11");
    node.bandwidth().set({.upload_slots = 1});
    Guest deaf(node, "deaf", "00", Side::kAccepted, tcp_stream_pair(4 << 10));
    const auto connection = node.swarm().connections().front();
    Guest decent(node, "decent", "00");
    deaf.fake.say(MessageId::kInterested);
    CHECK(deaf.fake.hear() == "UnChoke");
    for (const std::uint32_t piece : {0U, 1U}) deaf.fake.say(MessageId::kRequest, piece);
    CHECK(eventually([&] { return connection->stalled_since() != kNoDeadline; }));
    decent.fake.say(MessageId::kInterested);
    CHECK(eventually([&] { return node.must_tend() == 1; }));
    node.swarm().tend(Clock::now());
    CHECK(connection->wants_slot(ChokeRound::kFill)->unchoked);

    TimePoint now = Clock::now() + kDeafAfter;
    CHECK(node.swarm().tend(now) == now + kRotateEvery);
    CHECK(decent.fake.hear() == "UnChoke");
    // However long it has waited, its turn does not come.
    for (int turn = 0; turn < 3; ++turn) node.swarm().tend(now += kRotateEvery);
    decent.fake.say(MessageId::kRequest, 1);
    CHECK(decent.fake.hear() == "Piece 1");

    CHECK(deaf.fake.hear() == "Piece 0");
    CHECK(deaf.fake.hear() == "Choke");
    CHECK(eventually([&] { return connection->stalled_since() == kNoDeadline; }));
    node.swarm().tend(now += kRotateEvery);
    CHECK(deaf.fake.hear() == "UnChoke");
    CHECK(decent.fake.hear() == "Choke");
  }

  TEST_CASE("a leecher's slot goes to who has sent it most") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(40, 10);
    PeerNode node(sample, "1000");
    node.bandwidth().set({.upload_slots = 2});
    Guest rider(node, "rider", "0000");
    Guest other_rider(node, "other", "0000");
    Guest giver(node, "giver", "0010");
    for (Guest* guest : {&rider, &other_rider}) {
      guest->fake.say(MessageId::kInterested);
      CHECK(guest->fake.hear() == "UnChoke");
    }
    giver.fake.say(MessageId::kInterested);
    CHECK(eventually([&] { return node.must_tend() == 1; }));
    giver.fake.say(MessageId::kUnChoke);
    CHECK(giver.fake.hear() == "Request 2");
    giver.fake.say_piece(2, sample.piece(PieceIndex(2)));
    CHECK(giver.fake.hear() == "Have 2");
    CHECK(giver.fake.hear() == "UnInterested");
    CHECK(rider.fake.hear() == "Have 2");
    node.swarm().tend(Clock::now() + kRotateEvery);
    CHECK(giver.fake.hear() == "UnChoke");
    CHECK(rider.fake.hear() == "Choke");
  }

  TEST_CASE("a surplus connection is cut off after a second, whatever is being sent on it") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(16 << 20, 16 << 20);
    PeerNode node(sample, "1");
    Guest stays(node, "guest", "0", Side::kDialled);
    Guest surplus(node, "guest", "0", Side::kDialled);
    CHECK(surplus.talk.outcome() == Outcome::kSurplus);
    CHECK(node.must_tend() == 0);  // it ended by itself

    stays.fake.say(MessageId::kInterested);
    CHECK(stays.fake.hear() == "UnChoke");
    stays.fake.say(MessageId::kRequest, 0);
    recv_text(stays.fake.stream(), 100);
    stays.talk.connection().close(Outcome::kSurplus);
    const TimePoint due = node.swarm().tend(Clock::now());
    CHECK(due <= Clock::now() + seconds(1));
    CHECK(node.swarm().tend(due) == kNoDeadline);
    CHECK(eventually([&] { return node.swarm().size() == 0; }));
    CHECK(stays.talk.outcome() == Outcome::kSurplus);
  }

  TEST_CASE("a piece that is stored is told to everyone, and the last one to the owner") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode node(sample, "100");
    std::deque<Guest> guests;
    for (const char* name : {"one", "two", "three"}) guests.emplace_back(node, name, "000");
    for (const std::uint32_t piece : {1U, 2U}) {
      CHECK(node.all_held() == 0);
      node.swarm().left().complete(PieceIndex(piece));
      node.swarm().piece_stored(PieceIndex(piece));
      for (Guest& guest : guests) CHECK(guest.fake.hear() == "Have " + std::to_string(piece));
    }
    CHECK(node.all_held() == 1);
  }

  TEST_CASE("what a dying connection had asked for is asked of another at once") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(10, 10);
    PeerNode node(sample, "0");
    Guest dies(node, "dies", "1");
    dies.fake.say(MessageId::kUnChoke);
    CHECK(dies.fake.hear() == "Request 0");
    Guest lives(node, "lives", "1");
    lives.fake.say(MessageId::kUnChoke);
    dies.fake.stream().shutdown();
    CHECK(lives.fake.hear() == "Request 0");
    CHECK(dies.talk.outcome() == Outcome::kLost);
  }

  TEST_CASE("when the only other one that has a piece goes, a distrusted peer is asked at once") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(10, 10);
    PeerNode node(sample, "0");
    std::optional<Guest> chokes_us(std::in_place, node, "chokes_us", "1");
    Guest distrusted(node, "distrusted", "1");
    distrusted.fake.say(MessageId::kUnChoke);
    CHECK(distrusted.fake.hear() == "Request 0");
    distrusted.fake.say_piece(0, std::string(10, 'x'));
    CHECK(eventually([&] { return log.has("piece.hash_mismatch"); }));
    chokes_us.reset();
    CHECK(distrusted.fake.hear() == "Request 0");
  }

  TEST_CASE("in the endgame a slow peer is not waited for") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(10, 10);
    PeerNode node(sample, "0");
    Guest slow(node, "slow", "1");
    slow.fake.say(MessageId::kUnChoke);
    CHECK(slow.fake.hear() == "Request 0");
    Guest fast(node, "fast", "1");
    fast.fake.say(MessageId::kUnChoke);
    CHECK(fast.fake.hear() == "Request 0");
    fast.fake.say_piece(0, sample.content);
    CHECK(slow.fake.hear() == "Have 0");
    CHECK(slow.fake.hear() == "UnInterested");
    slow.fake.say_piece(0, sample.content);  // too late
    CHECK(eventually([&] { return node.swarm().wasted == 10; }));
    CHECK(node.swarm().downloaded == 10);
  }

  TEST_CASE("the endgame begins on a connection that is busy sending, too") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(4 * (256 << 10), 256 << 10);
    PeerNode node(sample, "1110");
    Guest slow(node, "slow", "0001");
    slow.fake.say(MessageId::kUnChoke);
    CHECK(slow.fake.hear() == "Request 3");
    // Less room than a piece takes, so that the next one always waits already.
    Guest busy(node, "busy", "0001", Side::kAccepted, tcp_stream_pair(64 << 10));
    busy.fake.say(MessageId::kUnChoke);
    busy.fake.say(MessageId::kInterested);
    CHECK(busy.fake.hear() == "UnChoke");
    for (int i = 0; i < 20; ++i) busy.fake.say(MessageId::kRequest, 0);
    std::string heard = "Piece 0";
    const Deadline deadline = Clock::now() + 10 * kEndgamePatience;
    while (heard == "Piece 0" && Clock::now() < deadline) {
      heard = busy.fake.hear();
      busy.fake.say(MessageId::kRequest, 0);  // there always is another one to be sent
    }
    CHECK(heard == "Request 3");
  }

  TEST_CASE("a closed swarm empties, takes nobody, and can be opened again") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode node(sample, "100");
    CHECK(node.swarm().wait_until_empty(Clock::now()));
    Guest guest(node, "guest", "000");
    CHECK_FALSE(node.swarm().wait_until_empty(Clock::now() + milliseconds(20)));
    node.swarm().close_all();
    CHECK(guest.fake.hear() == "ServerClose");
    guest.fake.stream().shutdown();
    CHECK(node.swarm().wait_until_empty(soon()));
    CHECK(guest.talk.outcome() == Outcome::kStopped);

    StreamPair pair = tcp_stream_pair();
    Talk late(node, std::move(pair.left), Side::kDialled, kOneHost);
    FakePeer fake(std::move(pair.right));
    CHECK(fake.hear() == "ServerClose");
    fake.stream().shutdown();
    CHECK(late.outcome() == Outcome::kStopped);

    node.swarm().open();
    const Guest again(node, "guest", "000");
    CHECK(node.swarm().size() == 1);
  }

  TEST_CASE("counters go on from those of an earlier swarm") {
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode earlier(sample, "100");
    PeerNode node(sample, "100");
    earlier.swarm().downloaded = 1;
    earlier.swarm().wasted = 2;
    earlier.swarm().uploaded = 3;
    node.swarm().uploaded = 4;
    node.swarm().count_on_from(earlier.swarm());
    CHECK(node.swarm().downloaded == 1);
    CHECK(node.swarm().wasted == 2);
    CHECK(node.swarm().uploaded == 7);
  }

  TEST_CASE("a storage failure reaches the owner") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(30, 10);
    PeerNode node(sample, "100");
    node.swarm().storage_failed("disk full");
    CHECK(node.storage_failed() == 1);
  }

  TEST_CASE("only torrents in the original form admit originals") {
    for (const HashForm form : {HashForm::kSha256, HashForm::kSha1, HashForm::kOriginal}) {
      const SampleTorrent sample = sample_torrent(30, 10, form);
      PeerNode node(sample, "100");
      CHECK(node.swarm().admits_originals() == (form == HashForm::kOriginal));
    }
  }

  TEST_CASE("many peers that all know each other all complete") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(200 * 500 + 1, 500);
    const std::size_t count = sample.torrent.layout.count();
    std::deque<PeerNode> nodes;
    nodes.emplace_back(sample, std::string(count, '1'), "seeder");
    for (const char* name : {"a", "b", "c"}) {
      nodes.emplace_back(sample, std::string(count, '0'), name);
    }
    std::deque<Link> links;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) links.emplace_back(nodes[i], nodes[j]);
    }
    for (Link& link : links) {
      CHECK(link.dials.outcome() == Outcome::kBothComplete);
      CHECK(link.accepts.outcome() == Outcome::kBothComplete);
    }
    for (PeerNode& node : nodes) {
      CHECK(node.content() == sample.content);
      CHECK(node.swarm().size() == 0);
      CHECK(node.swarm().left().availability(PieceIndex(0)) == 0);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
