#include "peer/peer_connection.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/json.h"
#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_peer.h"
#include "tests/support/frame_text.h"
#include "tests/support/peer_node.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

using Side = Talk::Side;

const Endpoint kRemote = *Endpoint::parse("10.0.0.1:5555");
constexpr std::uint32_t kPieceLength = 1000;

// A node of three pieces, the last one short, and the fake that it talks to.
struct Rig {
  Rig(std::string_view held, Side side, HashForm form = HashForm::kSha256,
      PeerNode::Fetch fetch = PeerNode::Fetch::kYes)
      : sample(sample_torrent(2 * kPieceLength + 7, kPieceLength, form)),
        node(sample, held, "node", fetch) {
    StreamPair pair = tcp_stream_pair();
    talk.emplace(node, std::move(pair.left), side, kRemote);
    fake.emplace(std::move(pair.right));
  }

  Greeting greeting() const { return greeting_for(sample.torrent); }
  // As a peer of ours: exchanges first frames, and hears what the node says next.
  std::string meet(std::string_view pieces) {
    fake->introduce(pieces, greeting());
    fake->hear();
    return fake->hear();
  }
  void say_piece(std::uint32_t piece) { fake->say_piece(piece, sample.piece(PieceIndex(piece))); }
  // Says everything that was asked for until `count` Requests have been answered.
  std::string serve(int count) {
    std::string heard;
    while (count > 0) {
      const std::string frame = fake->hear();
      heard += (heard.empty() ? "" : ", ") + frame;
      if (!frame.starts_with("Request ")) continue;
      say_piece(static_cast<std::uint32_t>(std::stoul(frame.substr(8))));
      --count;
    }
    return heard;
  }

  CapturedLog log;
  SampleTorrent sample;
  PeerNode node;
  std::optional<Talk> talk;
  std::optional<FakePeer> fake;
};

// All frames until the other side has ended; then the fake ends as well.
std::string hear_to_the_end(FakePeer& fake) {
  std::string text;
  for (std::string frame = fake.hear(); frame != "end"; frame = fake.hear()) {
    text += (text.empty() ? "" : ", ") + frame;
  }
  fake.stream().finish_sending();
  return text;
}

TEST_SUITE("peer_connection") {
  TEST_CASE("who dials greets first, with all that the other side needs to know") {
    Rig rig("100", Side::kDialled);
    CHECK(rig.fake->hear() == "Bitfield 100 greeting");
    const Greeting greeting = parse_greeting(std::string_view(rig.fake->body()).substr(5 + 3));
    CHECK(greeting.info_hash == rig.sample.torrent.info_hash);
    CHECK(greeting.peer_id == "node");
    CHECK(greeting.port == 5555);
    CHECK(greeting.connection == 0);
    CHECK(greeting.requests == 256);
    CHECK(greeting.agent.starts_with("piecework/"));
    Greeting answer = rig.greeting();
    answer.port = 777;
    rig.fake->introduce("000", answer);
    CHECK(rig.fake->hear() == "UnInterested");
    rig.fake->stream().shutdown();
    CHECK(rig.talk->outcome() == Outcome::kLost);
    CHECK(rig.talk->met() == Endpoint{kRemote.address, 777});
  }

  TEST_CASE("a leecher fetches what a peer has, tells what it got, and loses interest") {
    Rig rig("000", Side::kDialled);
    CHECK(rig.meet("110") == "Interested");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear_sorted(2) == "Request 0, Request 1");
    rig.say_piece(1);
    CHECK(rig.fake->hear() == "Have 1");
    rig.say_piece(0);
    CHECK(rig.fake->hear() == "Have 0");
    CHECK(rig.fake->hear() == "UnInterested");
    CHECK(rig.node.all_held() == 0);

    rig.fake->say(MessageId::kHave, 2);
    CHECK(rig.fake->hear() == "Interested");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear() == "Request 2");
    rig.say_piece(2);
    CHECK(hear_to_the_end(*rig.fake) == "Have 2, UnInterested, ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kBothComplete);
    CHECK(rig.node.all_held() == 1);
    CHECK(rig.node.content() == rig.sample.content);
    CHECK(rig.node.swarm().downloaded == rig.sample.content.size());
    CHECK(rig.node.swarm().wasted == 0);
    CHECK(rig.node.swarm().size() == 0);
  }

  TEST_CASE("a seeder lets everyone have pieces, until they want no more") {
    Rig rig("111", Side::kAccepted);
    CHECK(rig.meet("000") == "UnInterested");
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    for (const std::uint32_t piece : {2U, 0U, 0U}) rig.fake->say(MessageId::kRequest, piece);
    for (const std::uint32_t piece : {2U, 0U, 0U}) {
      CHECK(rig.fake->hear() == "Piece " + std::to_string(piece));
      CHECK(rig.fake->piece_data() == rig.sample.piece(PieceIndex(piece)));
    }
    rig.fake->say(MessageId::kUnInterested);
    rig.fake->say(MessageId::kRequest, 1);  // dropped
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    rig.fake->say(MessageId::kRequest, 1);
    CHECK(rig.fake->hear() == "Piece 1");
    for (const std::uint32_t piece : {0U, 1U, 2U}) rig.fake->say(MessageId::kHave, piece);
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kBothComplete);
    CHECK(rig.node.swarm().uploaded == 2 * kPieceLength + 7 + kPieceLength);
    CHECK(rig.node.swarm().downloaded == 0);
  }

  TEST_CASE("pieces go both ways on one connection") {
    Rig rig("100", Side::kAccepted);
    CHECK(rig.meet("011") == "Interested");
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    rig.fake->say(MessageId::kUnChoke);
    rig.fake->say(MessageId::kRequest, 0);
    CHECK(rig.fake->hear_sorted(3) == "Piece 0, Request 1, Request 2");
    rig.say_piece(1);
    rig.say_piece(2);
    CHECK(rig.fake->hear_sorted(3) == "Have 1, Have 2, UnInterested");
    CHECK(rig.node.content() == rig.sample.content);
    rig.fake->say(MessageId::kUnInterested);
    rig.fake->say(MessageId::kHave, 0);
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kBothComplete);
  }

  TEST_CASE("a node that does not fetch serves and asks for nothing") {
    Rig rig("100", Side::kDialled, HashForm::kSha256, PeerNode::Fetch::kNo);
    CHECK(rig.meet("111") == "UnInterested");
    rig.fake->say(MessageId::kUnChoke);
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    rig.fake->say(MessageId::kRequest, 0);
    CHECK(rig.fake->hear() == "Piece 0");
  }

  TEST_CASE("a choke takes the requests back, and an UnChoke brings them again") {
    Rig rig("000", Side::kDialled);
    rig.meet("110");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear_sorted(2) == "Request 0, Request 1");
    rig.fake->say(MessageId::kChoke);
    CHECK(eventually([&] { return rig.talk->connection().status().standing.chokes_us; }));
    CHECK_FALSE(rig.node.swarm().left().none_left());
    rig.say_piece(0);  // it crossed the Choke, and is welcome
    CHECK(rig.fake->hear() == "Have 0");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear() == "Request 1");
  }

  TEST_CASE("keep-alives are taken and change nothing") {
    Rig rig("111", Side::kAccepted);
    rig.meet("000");
    for (int i = 0; i < 3; ++i) {
      rig.fake->say_bytes(text_of(EncodedMessage::keep_alive().bytes()));
    }
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
  }

  TEST_CASE("a piece that comes twice is stored once") {
    Rig rig("000", Side::kDialled);
    rig.meet("110");
    rig.fake->say(MessageId::kUnChoke);
    rig.fake->hear_sorted(2);
    rig.say_piece(0);
    rig.say_piece(0);
    rig.say_piece(1);
    CHECK(rig.fake->hear() == "Have 0");
    CHECK(rig.fake->hear() == "Have 1");
    CHECK(rig.node.swarm().downloaded == 2 * kPieceLength);
    CHECK(rig.node.swarm().wasted == kPieceLength);
  }

  TEST_CASE("a breach of the protocol ends the connection with its reason") {
    const std::string index_9 = "00000009";
    const struct {
      const char* what;
      std::string bytes;
      std::string reason;
    } kCases[] = {
        {"a second Bitfield", from_hex("0000000000000008 00000004 05 000000"), "second_bitfield"},
        {"an unknown id", from_hex("0000000000000005 00000001 09"), "unknown_message id=9"},
        {"an empty frame", from_hex("0000000000000000"), "empty_frame"},
        {"a wrong length", from_hex("0000000000000006 00000001 02 00"), "wrong_length"},
        {"a wrong payload", from_hex("0000000000000006 00000002 02 00"), "wrong_payload"},
        {"a frame too large", from_hex("0000000000100000"),
         "frame_too_large length=1048576 limit=4104"},
        {"a Have out of range", from_hex("0000000000000009 00000005 04" + index_9),
         "piece_out_of_range piece=9 pieces=3"},
        {"a Request out of range", from_hex("0000000000000009 00000005 06 ffffffff"),
         "piece_out_of_range piece=4294967295 pieces=3"},
        {"a Request before UnChoke", from_hex("0000000000000009 00000005 06 00000000"),
         "request_before_unchoke"},
        {"a Request for a piece that is not held",
         from_hex("0000000000000005 00000001 02 0000000000000009 00000005 06 00000001"),
         "request_for_missing_piece piece=1"},
        {"a Piece never asked for", from_hex("0000000000000010 0000000c 07 00000002") + "1234567",
         "piece_never_asked piece=2"},
        {"a Piece out of range", from_hex("000000000000000a 00000006 07" + index_9 + "00"),
         "piece_out_of_range piece=9"},
        {"a Piece of a wrong length", from_hex("000000000000000a 00000006 07 00000001 00"),
         "wrong_payload message=Piece piece=1 bytes=1 expected=1000"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.what);
      Rig rig("100", Side::kDialled);
      CHECK(rig.meet("110") == "Interested");
      rig.fake->say(MessageId::kUnChoke);
      CHECK(rig.fake->hear() == "Request 1");
      rig.fake->say_bytes(c.bytes);
      CHECK(hear_to_the_end(*rig.fake).ends_with("ServerClose"));
      CHECK(rig.talk->outcome() == Outcome::kBroken);
      CHECK(rig.log.has("warn peer.closed"));
      CHECK(rig.log.has("reason=" + c.reason));
      // What was asked goes back to the queue, and nobody is banned for it.
      CHECK_FALSE(rig.node.swarm().left().none_left());
      CHECK_FALSE(rig.node.bans().is_banned(kRemote.address, "5555", Clock::now()));
      CHECK(rig.node.swarm().left().availability(PieceIndex(1)) == 0);
    }
  }

  TEST_CASE("a first frame that does not fit ends the connection with its reason") {
    const struct {
      const char* what;
      std::string bytes;
      Outcome outcome;
      const char* reason;
    } kCases[] = {
        {"another number of pieces", from_hex("0000000000000007 00000003 05 0000"), Outcome::kOther,
         "other_torrent"},
        {"no Bitfield", from_hex("0000000000000005 00000001 02"), Outcome::kBroken,
         "bitfield_expected got=Interested"},
        {"a byte above 1", from_hex("0000000000000008 00000004 05 000200"), Outcome::kBroken,
         "bad_bitfield"},
        {"too many pieces", from_hex("0000000000000009 00000005 05 00000000"), Outcome::kBroken,
         "bitfield_length"},
        {"a greeting of garbage", from_hex("0000000000000009 00000004 05 000000 78"),
         Outcome::kBroken, "bad_greeting"},
        {"a frame too large", from_hex("ffffffffffffffff"), Outcome::kBroken, "frame_too_large"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.what);
      Rig rig("100", Side::kDialled);
      rig.fake->hear();
      rig.fake->say_bytes(c.bytes);
      CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
      CHECK(rig.talk->outcome() == c.outcome);
      CHECK(rig.log.has(std::string("reason=") + c.reason));
    }
  }

  TEST_CASE("a Bitfield of another length behind a good greeting is a breach as well") {
    Rig rig("100", Side::kDialled);
    rig.fake->hear();
    rig.fake->introduce("10", rig.greeting());
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kBroken);
    CHECK(rig.log.has("reason=bitfield_length pieces=2 expected=3"));
  }

  TEST_CASE("a peer that dies in the middle of a frame has done nothing wrong") {
    Rig rig("100", Side::kDialled);
    rig.meet("110");
    rig.fake->say(MessageId::kUnChoke);
    rig.fake->hear();
    rig.fake->say_bytes(from_hex("00000000000003f1 000003ed 07 00000001") + "half");
    rig.fake->stream().shutdown();
    CHECK(rig.talk->outcome() == Outcome::kLost);
    CHECK_FALSE(rig.node.swarm().left().none_left());
  }

  TEST_CASE("who dialled and hears nothing says so, who meets itself or a stranger too") {
    {
      Rig rig("100", Side::kDialled);
      rig.fake->hear();
      rig.fake->stream().shutdown();
      CHECK(rig.talk->outcome() == Outcome::kSilent);
    }
    {
      Rig rig("100", Side::kDialled);
      rig.fake->hear();
      rig.fake->introduce("000", greeting_for(rig.sample.torrent, "node"));
      hear_to_the_end(*rig.fake);
      CHECK(rig.talk->outcome() == Outcome::kSelf);
    }
    {
      Rig rig("100", Side::kDialled);
      rig.fake->hear();
      rig.fake->introduce("000", greeting_for(sample_torrent(9, 3).torrent));
      hear_to_the_end(*rig.fake);
      CHECK(rig.talk->outcome() == Outcome::kOther);
    }
  }

  TEST_CASE("a closed swarm takes nobody") {
    Rig rig("111", Side::kAccepted);
    rig.node.swarm().close_all();
    rig.fake->introduce("000", rig.greeting());
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kStopped);
  }

  TEST_CASE("a swarm that closes says goodbye") {
    Rig rig("111", Side::kAccepted);
    rig.meet("000");
    rig.node.swarm().close_all();
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kStopped);
  }

  TEST_CASE("who is denied hears a goodbye and nothing else, whoever dialled") {
    for (const Side side : {Side::kDialled, Side::kAccepted}) {
      Rig rig("111", Side::kAccepted);
      CHECK(rig.meet("000").empty() == false);
      rig.node.admit(false);
      StreamPair pair = tcp_stream_pair();
      Talk late(rig.node, std::move(pair.left), side, *Endpoint::parse("10.0.0.2:5555"));
      FakePeer fake(std::move(pair.right));
      if (side == Side::kAccepted) fake.introduce("000", rig.greeting());
      CHECK(hear_to_the_end(fake) == "ServerClose");
      CHECK(late.outcome() == Outcome::kDenied);
      // One that was there already stays until it is told.
      rig.node.swarm().close_denied();
      CHECK(rig.node.must_tend() == 1);
      CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
      CHECK(rig.talk->outcome() == Outcome::kDenied);
      CHECK(rig.log.has("reason=denied"));
    }
  }

  TEST_CASE("who is admitted is not closed with the others") {
    Rig rig("111", Side::kAccepted);
    rig.meet("000");
    rig.node.swarm().close_denied();
    CHECK(rig.node.must_tend() == 0);
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
  }

  TEST_CASE("a peer that says goodbye is lost, and hears nothing more of us than ours") {
    Rig rig("100", Side::kAccepted);
    CHECK(rig.meet("010") == "Interested");
    rig.fake->say(MessageId::kServerClose);
    hear_to_the_end(*rig.fake);
    CHECK(rig.talk->outcome() == Outcome::kLost);
  }

  TEST_CASE("a piece that is being sent is finished before the goodbye") {
    const SampleTorrent sample = sample_torrent(1 << 20, 1 << 20);
    const CapturedLog log;
    PeerNode node(sample, "1");
    StreamPair pair = tcp_stream_pair(4 << 10);
    Talk talk(node, std::move(pair.left), Side::kDialled);
    FakePeer fake(std::move(pair.right));
    fake.introduce("0", greeting_for(sample.torrent));
    fake.say(MessageId::kInterested);
    fake.hear_sorted(3);
    fake.say(MessageId::kRequest, 0);
    CHECK(recv_text(fake.stream(), 8) == from_hex("0000000000100009"));
    talk.connection().close(Outcome::kStopped);
    CHECK(recv_text(fake.stream(), (1 << 20) + 9).substr(9) == sample.content);
    CHECK(hear_to_the_end(fake) == "ServerClose");
    CHECK(talk.outcome() == Outcome::kStopped);
  }

  TEST_CASE("a peer that does not care for our goodbye is cut off") {
    Rig rig("000", Side::kDialled);
    rig.meet("110");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear_sorted(2) == "Request 0, Request 1");
    rig.talk->connection().close(Outcome::kSurplus);
    CHECK_FALSE(rig.node.swarm().left().none_left());  // at once
    CHECK(rig.fake->hear() == "ServerClose");
    CHECK(rig.fake->hear() == "end");  // we send no more, but still read
    const std::string keep_alive = text_of(EncodedMessage::keep_alive().bytes());
    CHECK(eventually([&] {
      try {
        rig.fake->say_bytes(keep_alive);
        return false;
      } catch (const std::system_error&) {
        return true;
      }
    }));
    CHECK(rig.talk->outcome() == Outcome::kSurplus);
  }

  TEST_CASE("the upload limit holds a piece up, and closing waits for it no longer") {
    const SampleTorrent sample = sample_torrent(64 << 10, 64 << 10);
    const CapturedLog log;
    PeerNode node(sample, "1");
    node.bandwidth().set({.upload_limit = 1});
    StreamPair pair = tcp_stream_pair();
    Talk talk(node, std::move(pair.left), Side::kDialled);
    FakePeer fake(std::move(pair.right));
    fake.introduce("0", greeting_for(sample.torrent));
    fake.say(MessageId::kInterested);
    fake.hear_sorted(3);
    fake.say(MessageId::kRequest, 0);
    const std::string begun = recv_text(fake.stream(), 8 + 9 + 1024);
    CHECK(begun.substr(17) == sample.content.substr(0, 1024));
    CHECK(eventually([&] { return node.swarm().uploaded == 1024; }));
    talk.connection().close(Outcome::kStopped);
    CHECK(recv_text(fake.stream(), (64 << 10) - 1024) == sample.content.substr(1024));
    CHECK(hear_to_the_end(fake) == "ServerClose");
    CHECK(talk.outcome() == Outcome::kStopped);
  }

  TEST_CASE("the download limit holds a piece up until it is lifted, or the end") {
    for (const auto& [lifted, own] :
         {std::pair(true, false), std::pair(false, false), std::pair(true, true)}) {
      const SampleTorrent sample = sample_torrent(64 << 10, 64 << 10);
      const CapturedLog log;
      PeerNode node(sample, "0");
      if (own) {
        node.torrent_bandwidth().set_rates({.download = 1});
      } else {
        node.bandwidth().set({.download_limit = 1});
      }
      StreamPair pair = tcp_stream_pair();
      Talk talk(node, std::move(pair.left), Side::kDialled);
      FakePeer fake(std::move(pair.right));
      fake.introduce("1", greeting_for(sample.torrent));
      fake.say(MessageId::kUnChoke);
      CHECK(fake.hear_sorted(3) == "Bitfield 0 greeting, Interested, Request 0");
      // With all of it there, it might be complete before it is aborted.
      const std::size_t sent = sample.content.size() / (lifted ? 1 : 2);
      fake.say_bytes(text_of(EncodedMessage::piece_head(PieceIndex(0), 64 << 10).bytes()));
      fake.say_bytes(std::string_view(sample.content).substr(0, sent));
      CHECK(node.swarm().left().held_count() == 0);
      if (lifted) {
        node.bandwidth().set({});
        node.torrent_bandwidth().set_rates({});
        CHECK(fake.hear() == "Have 0");
        CHECK(node.content() == sample.content);
      } else {
        talk.connection().abort();
        CHECK(talk.outcome() == Outcome::kLost);
      }
    }
  }

  TEST_CASE("of what one that has gone had still to say, no more than pieces are listened to") {
    const SampleTorrent sample = sample_torrent(8 << 10, 4 << 10);
    const CapturedLog log;
    PeerNode node(sample, "00");
    node.bandwidth().set({.download_limit = 1});
    StreamPair pair = tcp_stream_pair();
    Talk talk(node, std::move(pair.left), Side::kDialled);
    FakePeer fake(std::move(pair.right));
    fake.introduce("10", greeting_for(sample.torrent));
    fake.say(MessageId::kUnChoke);
    fake.hear_sorted(3);
    // While the limit holds the reader up, all of it arrives: the piece, and then a breach behind
    // so much that says nothing that it is never come to.
    fake.say_piece(0, sample.piece(PieceIndex(0)));
    std::string babble;
    for (int i = 0; i < 4000; ++i) babble += text_of(EncodedMessage::keep_alive().bytes());
    fake.say_bytes(babble + from_hex("ffffffffffffffff"));
    fake.stream().shutdown();
    node.bandwidth().set({});
    CHECK(talk.outcome() == Outcome::kLost);
    CHECK(log.has("reason=closed_by_peer"));
    CHECK(node.swarm().left().is_held(PieceIndex(0)));
  }

  TEST_CASE("abort() ends it whatever is being sent") {
    const SampleTorrent sample = sample_torrent(16 << 20, 16 << 20);
    const CapturedLog log;
    PeerNode node(sample, "1");
    StreamPair pair = tcp_stream_pair();
    Talk talk(node, std::move(pair.left), Side::kDialled);
    FakePeer fake(std::move(pair.right));
    fake.introduce("0", greeting_for(sample.torrent));
    fake.say(MessageId::kInterested);
    fake.hear_sorted(3);
    fake.say(MessageId::kRequest, 0);
    recv_text(fake.stream(), 100);
    talk.connection().abort();
    CHECK(talk.outcome() == Outcome::kLost);
    talk.connection().abort();
    talk.connection().close(Outcome::kStopped);
  }

  TEST_CASE("after a second wrong piece a peer is banned, by its port if we dialled") {
    Rig rig("000", Side::kDialled);
    rig.meet("110");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear_sorted(2) == "Request 0, Request 1");
    rig.fake->say_piece(0, std::string(kPieceLength, 'x'));
    CHECK(rig.fake->hear() == "Request 0");  // nobody else has it
    CHECK(rig.log.has("piece.hash_mismatch"));
    CHECK_FALSE(rig.log.has("peer.banned"));
    rig.fake->say_piece(1, std::string(kPieceLength, 'x'));
    hear_to_the_end(*rig.fake);
    CHECK(rig.talk->outcome() == Outcome::kBanned);
    CHECK(rig.log.has("peer.banned"));
    CHECK(rig.log.has("reason=hash_mismatch"));
    CHECK(rig.node.bans().is_banned(kRemote.address, "5555", Clock::now()));
    CHECK_FALSE(rig.node.bans().is_banned(kRemote.address, "fake", Clock::now()));
    CHECK(rig.node.swarm().wasted == 2 * kPieceLength);
    CHECK(rig.node.swarm().left().held_count() == 0);
    CHECK_FALSE(rig.node.swarm().left().none_left());
  }

  TEST_CASE("one that dialled us is banned by its peer_id, and turned away when it comes again") {
    Rig rig("000", Side::kAccepted);
    rig.meet("110");
    rig.fake->say(MessageId::kUnChoke);
    rig.fake->hear_sorted(2);
    for (const std::uint32_t piece : {0U, 1U}) {
      rig.fake->say_piece(piece, std::string(kPieceLength, 'x'));
    }
    hear_to_the_end(*rig.fake);
    CHECK(rig.talk->outcome() == Outcome::kBanned);
    CHECK(rig.node.bans().is_banned(kRemote.address, "fake", Clock::now()));
    CHECK_FALSE(rig.node.bans().is_banned(kRemote.address, "5555", Clock::now()));

    StreamPair pair = tcp_stream_pair();
    Talk again(rig.node, std::move(pair.left), Side::kAccepted, kRemote);
    FakePeer fake(std::move(pair.right));
    fake.introduce("110", rig.greeting());
    CHECK(hear_to_the_end(fake) == "ServerClose");
    CHECK(again.outcome() == Outcome::kBanned);
  }

  TEST_CASE("one that we had dialled when it was banned does not come in by dialling us") {
    Rig rig("000", Side::kAccepted);
    rig.node.bans().ban(kRemote.address, "777", Clock::now());
    Greeting greeting = rig.greeting();
    greeting.port = 777;
    rig.fake->introduce("110", greeting);
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kBanned);
  }

  TEST_CASE("a peer that asks for more than it may is cut off") {
    const SampleTorrent sample = sample_torrent(4 << 20, 4 << 20);
    const CapturedLog log;
    PeerNode node(sample, "1");
    StreamPair pair = tcp_stream_pair();
    Talk talk(node, std::move(pair.left), Side::kAccepted);
    FakePeer fake(std::move(pair.right));
    fake.introduce("0", greeting_for(sample.torrent));
    fake.say(MessageId::kInterested);
    for (int i = 0; i < 300; ++i) fake.say(MessageId::kRequest, 0);  // and reads nothing
    fake.stream().finish_sending();
    CHECK(talk.outcome() == Outcome::kBroken);
    CHECK(log.has("reason=too_many_requests limit=256"));
  }

  TEST_CASE("a peer that lets what we have to tell it pile up harms nobody but itself") {
    // The first piece keeps the writer busy, while the fake makes us say UnChoke again and again.
    const SampleTorrent sample = sample_torrent(3 << 20, 1 << 20);
    const CapturedLog log;
    PeerNode node(sample, "100");
    StreamPair pair = tcp_stream_pair(4 << 10);
    Talk talk(node, std::move(pair.left), Side::kDialled);
    pair.right.set_buffer_bytes(4096);
    FakePeer fake(std::move(pair.right));
    StreamPair other_pair = tcp_stream_pair();
    Talk other_talk(node, std::move(other_pair.left), Side::kDialled);
    FakePeer other(std::move(other_pair.right));
    other.introduce("000", greeting_for(sample.torrent, "other"));
    CHECK(other.hear_sorted(2) == "Bitfield 100 greeting, UnInterested");

    fake.introduce("000", greeting_for(sample.torrent));
    fake.say(MessageId::kInterested);
    fake.hear_sorted(3);
    fake.say(MessageId::kRequest, 0);
    recv_text(fake.stream(), 100);
    constexpr int kRoom = ((64 << 10) + 3 * 17) / 13;  // UnChokes until not even a Have fits
    for (int i = 0; i < kRoom; ++i) {
      fake.say(MessageId::kUnInterested);
      fake.say(MessageId::kInterested);
    }
    fake.say(MessageId::kHave, 0);
    REQUIRE(eventually([&] { return talk.connection().status().standing.pieces == 1; }));
    node.swarm().left().complete(PieceIndex(1));
    node.swarm().piece_stored(PieceIndex(1));
    CHECK(other.hear() == "Have 1");
    CHECK(talk.outcome() == Outcome::kBroken);
    CHECK(log.has("reason=outbox_full"));
  }

  TEST_CASE("a disk that refuses a piece stops the torrent, not the peer's good name") {
    Rig rig("000", Side::kDialled);
    rig.meet("110");
    rig.fake->say(MessageId::kUnChoke);
    rig.fake->hear_sorted(2);
    const UniqueFd read_only(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(::dup2(read_only.get(), rig.node.file()) >= 0);
    rig.say_piece(0);
    hear_to_the_end(*rig.fake);
    CHECK(rig.talk->outcome() == Outcome::kStopped);
    CHECK(rig.node.storage_failed() == 1);
    CHECK(rig.node.swarm().left().held_count() == 0);
  }

  TEST_CASE("a file that has been cut off under us stops the torrent") {
    Rig rig("111", Side::kAccepted);
    rig.meet("000");
    rig.fake->say(MessageId::kInterested);
    rig.fake->hear();
    REQUIRE(::ftruncate(rig.node.file(), 10) == 0);
    rig.fake->say(MessageId::kRequest, 1);
    try {
      hear_to_the_end(*rig.fake);
    } catch (const std::exception&) {  // in the middle of a frame
    }
    CHECK(rig.talk->outcome() == Outcome::kStopped);
    CHECK(rig.node.storage_failed() == 1);
  }
}

TEST_SUITE("peer_connection with originals") {
  TEST_CASE("an original leecher hears our Bitfield, UnChoke and Pieces, and nothing else") {
    Rig rig("111", Side::kAccepted, HashForm::kOriginal);
    rig.fake->introduce("000", std::nullopt);
    CHECK(rig.fake->hear() == "Bitfield 111");
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    for (const std::uint32_t piece : {0U, 1U, 2U}) {
      rig.fake->say(MessageId::kRequest, piece);
      CHECK(rig.fake->hear() == "Piece " + std::to_string(piece));
      CHECK(rig.fake->piece_data() == rig.sample.piece(PieceIndex(piece)));
    }
    rig.fake->say(MessageId::kUnInterested);
    CHECK(hear_to_the_end(*rig.fake) == "");
    CHECK(rig.talk->outcome() == Outcome::kOver);
    CHECK_FALSE(rig.talk->met());
  }

  TEST_CASE("an original seeder that we dial hears our interest, and the end of it") {
    Rig rig("000", Side::kDialled, HashForm::kOriginal);
    CHECK(rig.fake->hear() == "Bitfield 000 greeting");
    rig.fake->introduce("111", std::nullopt);
    CHECK(rig.fake->hear() == "Interested");
    rig.fake->say(MessageId::kUnInterested);  // we have nothing for it
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear_sorted(3) == "Request 0, Request 1, Request 2");  // at once
    for (const std::uint32_t piece : {0U, 1U, 2U}) rig.say_piece(piece);
    CHECK(hear_to_the_end(*rig.fake) == "UnInterested");
    CHECK(rig.talk->outcome() == Outcome::kBothComplete);
    CHECK(rig.node.content() == rig.sample.content);
  }

  TEST_CASE("two that have everything part without a word") {
    Rig rig("111", Side::kAccepted, HashForm::kOriginal);
    rig.fake->introduce("111", std::nullopt);
    CHECK(rig.fake->hear() == "Bitfield 111");
    rig.fake->say(MessageId::kUnInterested);
    CHECK(hear_to_the_end(*rig.fake) == "");
    CHECK(rig.talk->outcome() == Outcome::kBothComplete);
  }

  TEST_CASE("an original hears no Have, and no keep-alive is owed to it") {
    Rig rig("100", Side::kAccepted, HashForm::kOriginal);
    rig.fake->introduce("000", std::nullopt);
    CHECK(rig.fake->hear() == "Bitfield 100");
    CHECK(eventually([&] { return rig.log.has("peer.connected"); }));
    rig.node.store().write_piece(PieceIndex(1), bytes_of(rig.sample.piece(PieceIndex(1))));
    rig.node.swarm().left().complete(PieceIndex(1));
    rig.node.swarm().piece_stored(PieceIndex(1));
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    rig.fake->say(MessageId::kRequest, 1);
    CHECK(rig.fake->hear() == "Piece 1");
  }

  TEST_CASE("when its conversation ends because others were faster, it is closed all the same") {
    // It has only piece 1, which we want; and it wants nothing of us.
    Rig rig("000", Side::kAccepted, HashForm::kOriginal);
    rig.fake->introduce("010", std::nullopt);
    CHECK(rig.fake->hear() == "Bitfield 000");
    CHECK(rig.fake->hear() == "Interested");
    rig.fake->say(MessageId::kUnInterested);
    CHECK(eventually([&] { return rig.node.swarm().left().availability(PieceIndex(1)) == 1; }));
    // The UnInterested has been taken once what follows it has: an UnChoke.
    std::vector<PieceClaim> taken;
    PeerPieces other{Bitfield(3, true), false};
    while (auto claim =
               rig.node.swarm().left().claim(other, {}, Clock::now(), LeftPieces::kNoEndgame)) {
      taken.push_back(std::move(*claim));
    }
    rig.fake->say(MessageId::kUnChoke);
    REQUIRE(eventually([&] {
      const auto connections = rig.node.swarm().connections();
      return !connections.empty() && connections.front()->status().standing.serves_us;
    }));
    rig.node.swarm().left().complete(PieceIndex(1));
    rig.node.swarm().piece_stored(PieceIndex(1));
    CHECK(rig.talk->outcome() == Outcome::kOver);
  }

  TEST_CASE("closing in any other state says ServerClose") {
    Rig rig("111", Side::kAccepted, HashForm::kOriginal);
    rig.fake->introduce("000", std::nullopt);
    CHECK(rig.fake->hear() == "Bitfield 111");
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    rig.node.swarm().close_all();
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kStopped);
  }

  TEST_CASE("a breach ends an original with ServerClose as well") {
    Rig rig("111", Side::kAccepted, HashForm::kOriginal);
    rig.fake->introduce("000", std::nullopt);
    rig.fake->hear();
    rig.fake->say(MessageId::kRequest, 0);
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kBroken);
  }

  TEST_CASE("an original that sends wrong pieces stays, and is asked for nothing more") {
    Rig rig("000", Side::kDialled, HashForm::kOriginal);
    rig.fake->hear();
    rig.fake->introduce("111", std::nullopt);
    CHECK(rig.fake->hear() == "Interested");
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear_sorted(3) == "Request 0, Request 1, Request 2");
    rig.fake->say_piece(0, std::string(kPieceLength, 'x'));
    CHECK(rig.fake->hear() == "Request 0");  // nobody else has it
    rig.fake->say_piece(1, std::string(kPieceLength, 'x'));
    rig.say_piece(2);  // asked for before, and good
    rig.say_piece(0);
    CHECK(rig.fake->hear() == "UnInterested");
    CHECK(rig.node.swarm().left().held_count() == 2);
    CHECK(rig.node.bans().is_banned(kRemote.address, "5555", Clock::now()));
    rig.fake->say(MessageId::kUnChoke);
    rig.fake->say(MessageId::kUnInterested);
    CHECK(hear_to_the_end(*rig.fake) == "");
    CHECK(rig.talk->outcome() == Outcome::kOver);
  }

  TEST_CASE("an original without a name is said to be banned once, however much it sends") {
    Rig rig("000", Side::kAccepted, HashForm::kOriginal);
    rig.fake->introduce("111", std::nullopt);
    CHECK(rig.fake->hear() == "Bitfield 000");
    CHECK(rig.fake->hear() == "Interested");
    rig.fake->say(MessageId::kInterested);
    CHECK(rig.fake->hear() == "UnChoke");
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.fake->hear_sorted(3) == "Request 0, Request 1, Request 2");
    for (const std::uint32_t piece : {0U, 1U, 2U}) {
      rig.fake->say_piece(piece, std::string(piece == 2 ? 7 : kPieceLength, 'x'));
    }
    rig.fake->stream().finish_sending();
    rig.talk->outcome();
    CHECK(rig.log.count("piece.hash_mismatch") == 3);
    CHECK(rig.log.count("peer.banned") == 1);
  }

  TEST_CASE("a banned original is told before it is cut off, whoever dials") {
    for (const Side side : {Side::kDialled, Side::kAccepted}) {
      Rig rig("000", side, HashForm::kOriginal);
      rig.node.bans().ban(kRemote.address, "5555", Clock::now());
      rig.fake->introduce("111", std::nullopt);
      CHECK(hear_to_the_end(*rig.fake).ends_with("ServerClose"));
      CHECK(rig.talk->outcome() == Outcome::kBanned);
    }
  }

  TEST_CASE("a torrent with modern hashes is not for originals") {
    Rig rig("111", Side::kAccepted, HashForm::kSha1);
    rig.fake->introduce("000", std::nullopt);
    CHECK(hear_to_the_end(*rig.fake) == "ServerClose");
    CHECK(rig.talk->outcome() == Outcome::kOther);
  }
}

TEST_SUITE("peer_connection with another") {
  TEST_CASE("two that send to each other all the time finish, through the smallest buffers") {
    const CapturedLog log;
    const std::uint32_t piece_length = 256 << 10;  // a whole piece never fits between the two
    const SampleTorrent sample = sample_torrent(32 * piece_length + 1, piece_length);
    std::string even;
    std::string odd;
    for (std::uint32_t piece = 0; piece < sample.torrent.layout.count(); ++piece) {
      even += piece % 2 == 0 ? '1' : '0';
      odd += piece % 2 == 0 ? '0' : '1';
    }
    for (const auto make : {unix_stream_pair, tcp_stream_pair}) {
      PeerNode one(sample, even, "one");
      PeerNode two(sample, odd, "two");
      StreamPair pair = make(4 << 10);
      Talk dials(one, std::move(pair.left), Side::kDialled);
      Talk accepts(two, std::move(pair.right), Side::kAccepted);
      CHECK(dials.outcome() == Outcome::kBothComplete);
      CHECK(accepts.outcome() == Outcome::kBothComplete);
      CHECK(one.content() == sample.content);
      CHECK(two.content() == sample.content);
      CHECK(one.all_held() == 1);
      CHECK(two.all_held() == 1);
      CHECK(one.swarm().wasted + two.swarm().wasted == 0);
      CHECK(one.swarm().downloaded == two.swarm().uploaded);
    }
  }

  TEST_CASE("two with nothing but everything part at once") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(10, 3);
    PeerNode one(sample, "1111", "one");
    PeerNode two(sample, "1111", "two");
    StreamPair pair = tcp_stream_pair();
    Talk dials(one, std::move(pair.left), Side::kDialled);
    Talk accepts(two, std::move(pair.right), Side::kAccepted);
    CHECK(dials.outcome() == Outcome::kBothComplete);
    CHECK(accepts.outcome() == Outcome::kBothComplete);
  }

  TEST_CASE("a torrent of no pieces is complete on both sides") {
    const CapturedLog log;
    const SampleTorrent sample = sample_torrent(0, 3);
    PeerNode one(sample, "", "one");
    PeerNode two(sample, "", "two");
    StreamPair pair = tcp_stream_pair();
    Talk dials(one, std::move(pair.left), Side::kDialled);
    Talk accepts(two, std::move(pair.right), Side::kAccepted);
    CHECK(dials.outcome() == Outcome::kBothComplete);
    CHECK(accepts.outcome() == Outcome::kBothComplete);
  }

  TEST_CASE("hashes of every form, and a peer that takes one request at a time") {
    for (const HashForm form : {HashForm::kSha256, HashForm::kSha1, HashForm::kOriginal}) {
      const CapturedLog log;
      const SampleTorrent sample = sample_torrent(100'000, 999, form);
      const std::string all(sample.torrent.layout.count(), '1');
      const std::string none(sample.torrent.layout.count(), '0');
      PeerNode seeder(sample, all, "seeder");
      PeerNode leecher(sample, none, "leecher");
      StreamPair pair = tcp_stream_pair();
      Talk dials(seeder, std::move(pair.left), Side::kDialled);
      Talk accepts(leecher, std::move(pair.right), Side::kAccepted);
      CHECK(accepts.outcome() == Outcome::kBothComplete);
      CHECK(dials.outcome() == Outcome::kBothComplete);
      CHECK(leecher.content() == sample.content);
    }
    Rig rig("000", Side::kDialled);
    rig.fake->hear();
    Greeting modest = rig.greeting();
    modest.requests = 1;
    rig.fake->introduce("111", modest);
    rig.fake->say(MessageId::kUnChoke);
    CHECK(rig.serve(3).starts_with("Interested, Request"));
    hear_to_the_end(*rig.fake);
    CHECK(rig.talk->outcome() == Outcome::kBothComplete);
  }
}

}  // namespace
}  // namespace piecework::peer
