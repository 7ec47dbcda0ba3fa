#include "peer/exchange.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "tests/support/frame_text.h"
#include "tests/support/pieces.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

// One exchange over pieces of a byte, and everything that it wants to say.
struct Rig {
  Rig(PeerKind kind, std::string_view mine, std::string_view theirs, bool fetch = true)
      : Rig(kind, mine, theirs, {.requests = 256}, fetch) {}
  Rig(PeerKind kind, std::string_view mine, std::string_view theirs, const PeerTakes& takes,
      bool fetch = true)
      : left(pieces(mine), 1),
        steering(pieces(mine).size(), 1),
        exchange(PieceLayout(mine.size(), 1), fetch, left, steering, outbox) {
    exchange.introduce(pieces(mine));
    exchange.begin(kind, pieces(theirs), takes);
  }

  // What the writer would do now: frames, pieces and looks for requests.
  std::string said() {
    std::string text;
    while (true) {
      const Outbox::Next next = outbox.wait(Clock::now() + milliseconds(2));
      if (next.what == Outbox::Next::What::kTimeout) return text;
      if (!text.empty()) text += ", ";
      if (next.what == Outbox::Next::What::kSmall) text += frames_text(text_of(next.small));
      if (next.what == Outbox::Next::What::kRequest) text += "look";
      if (next.what == Outbox::Next::What::kPiece) {
        text += "piece " + std::to_string(next.piece.value());
      }
    }
  }
  // The same after the writer has looked for requests once.
  std::string asked() {
    exchange.request_more(kStart);
    return said();
  }
  // The peer becomes interested, and gets an upload slot.
  void interested() {
    if (exchange.on_interested(kStart)) exchange.serve(true, kStart);
  }
  void held(std::uint32_t piece) {
    left.complete(PieceIndex(piece));
    exchange.on_piece_held(PieceIndex(piece));
  }

  LeftPieces left;
  SeedSteering steering;
  Outbox outbox{256, 64 << 10, milliseconds(1)};
  Exchange exchange;
};

// The pieces that `said` suggests.
std::vector<PieceIndex> suggested(const std::string& said) {
  static const std::string kWord = "Suggest ";
  std::vector<PieceIndex> found;
  for (std::size_t at = said.find(kWord); at != std::string::npos; at = said.find(kWord, at + 1)) {
    found.emplace_back(static_cast<std::uint32_t>(std::stoul(said.substr(at + kWord.size()))));
  }
  return found;
}

constexpr PeerKind kBothKinds[] = {PeerKind::kOurs, PeerKind::kOriginal};

TEST_SUITE("exchange") {
  TEST_CASE("a peer with something for us hears that we are interested, of either kind") {
    for (const PeerKind kind : kBothKinds) {
      Rig rig(kind, "100", "110");
      CHECK(rig.said() == "Interested");
      CHECK(rig.exchange.standing().chokes_us);
      CHECK(rig.exchange.standing().pieces == 2);
    }
  }

  TEST_CASE("a peer of ours with nothing for us hears that too, and an original nothing") {
    CHECK(Rig(PeerKind::kOurs, "110", "100").said() == "UnInterested");
    CHECK(Rig(PeerKind::kOriginal, "110", "100").said() == "");
    CHECK(Rig(PeerKind::kOurs, "000", "111", false).said() == "UnInterested");
  }

  TEST_CASE("nothing is asked before UnChoke, and as much as there is after it") {
    Rig rig(PeerKind::kOurs, "0000", "0101");
    CHECK(rig.asked() == "Interested");
    rig.exchange.on_unchoke();
    CHECK(rig.said() == "look");
    const std::string requests = rig.asked();
    CHECK((requests == "Request 1, Request 3" || requests == "Request 3, Request 1"));
    CHECK(rig.exchange.standing().serves_us);
    CHECK(rig.asked() == "");
  }

  TEST_CASE("an UnChoke when nothing is wanted is passed over") {
    Rig rig(PeerKind::kOurs, "1", "0");
    rig.said();
    rig.exchange.on_unchoke();
    CHECK(rig.asked() == "");
  }

  TEST_CASE("after the last piece that the peer has, interest ends") {
    Rig rig(PeerKind::kOurs, "00", "01");
    rig.exchange.on_unchoke();
    rig.said();
    CHECK(rig.asked() == "Request 1");
    rig.exchange.expect_piece(PieceIndex(1));
    rig.held(1);
    rig.exchange.on_good_piece(PieceIndex(1), kStart);
    CHECK(rig.said() == "look, Have 1, UnInterested");
  }

  TEST_CASE("a piece that another connection brought may end the interest as well") {
    Rig rig(PeerKind::kOurs, "00", "01");
    rig.said();
    rig.held(1);
    CHECK(rig.said() == "Have 1, UnInterested");
    rig.held(0);
    CHECK(rig.said() == "Have 0");
    rig.exchange.on_piece_held(PieceIndex(0));
    CHECK(rig.said() == "");
  }

  TEST_CASE("Haves wake the interest, once for each piece") {
    Rig rig(PeerKind::kOurs, "100", "000");
    CHECK(rig.said() == "UnInterested");
    rig.exchange.on_have(PieceIndex(0));
    CHECK(rig.said() == "");
    rig.exchange.on_have(PieceIndex(1));
    CHECK(rig.said() == "look, Interested");
    rig.exchange.on_have(PieceIndex(1));
    CHECK(rig.said() == "");
    rig.held(1);
    CHECK(rig.said() == "Have 1, UnInterested");
    CHECK(rig.left.availability(PieceIndex(1)) == 1);
  }

  TEST_CASE("pieces completed between our Bitfield and the beginning are told afterwards") {
    for (const PeerKind kind : kBothKinds) {
      LeftPieces left(pieces("000"), 1);
      Outbox outbox(256, 1000);
      SeedSteering steering(3, 1);
      Exchange exchange(PieceLayout(3, 1), true, left, steering, outbox);
      exchange.introduce(pieces("100"));
      exchange.on_piece_held(PieceIndex(0));
      exchange.on_piece_held(PieceIndex(2));
      exchange.begin(kind, pieces("001"), {.requests = 256});
      const std::string said = frames_text(text_of(outbox.wait(Clock::now()).small));
      CHECK(said == (kind == PeerKind::kOurs ? "Have 2, UnInterested" : ""));
    }
  }

  TEST_CASE("a peer of ours waits for a slot, and is choked when it has to give it up") {
    Rig rig(PeerKind::kOurs, "11", "00");
    rig.said();
    CHECK_FALSE(rig.exchange.wants_slot());
    CHECK(rig.exchange.on_interested(kStart));
    CHECK(rig.said() == "");
    REQUIRE(rig.exchange.wants_slot());
    CHECK_FALSE(rig.exchange.wants_slot()->unchoked);
    CHECK(rig.exchange.wants_slot()->since == kStart);
    CHECK_THROWS_WITH_AS(rig.exchange.on_request(PieceIndex(0)), "request_before_unchoke",
                         ProtocolError);
    rig.exchange.serve(true, kStart + seconds(1));
    CHECK(rig.said() == "UnChoke");
    CHECK(rig.exchange.wants_slot()->unchoked);
    CHECK(rig.exchange.wants_slot()->since == kStart + seconds(1));
    rig.exchange.serve(true, kStart + seconds(2));
    CHECK(rig.said() == "");
    rig.exchange.on_request(PieceIndex(0));
    rig.exchange.serve(false, kStart + seconds(3));
    CHECK(rig.said() == "Choke");
    rig.exchange.on_request(PieceIndex(1));  // it has crossed the Choke
    CHECK(rig.said() == "Choke");
    CHECK(rig.exchange.wants_slot()->since == kStart + seconds(3));
    CHECK_FALSE(rig.exchange.on_uninterested());
    CHECK_FALSE(rig.exchange.wants_slot());
    rig.exchange.serve(true, kStart + seconds(4));
    CHECK(rig.said() == "");
  }

  TEST_CASE("an original is served at once, whatever there is of slots, and never choked") {
    Rig rig(PeerKind::kOriginal, "11", "00");
    CHECK_FALSE(rig.exchange.on_interested(kStart));
    CHECK(rig.said() == "UnChoke");
    CHECK_FALSE(rig.exchange.wants_slot());
    rig.exchange.serve(false, kStart);
    rig.exchange.on_request(PieceIndex(0));
    CHECK(rig.said() == "piece 0");
    CHECK_FALSE(rig.exchange.on_uninterested());
  }

  TEST_CASE("a peer that is about to be closed has no slot") {
    Rig rig(PeerKind::kOurs, "11", "00");
    rig.interested();
    CHECK(rig.exchange.wants_slot());
    rig.exchange.stop_asking();
    CHECK_FALSE(rig.exchange.wants_slot());
  }

  TEST_CASE("interest is answered by UnChoke, and served from then on") {
    for (const PeerKind kind : kBothKinds) {
      Rig rig(kind, "110", "000");
      rig.said();
      CHECK_THROWS_WITH_AS(rig.exchange.on_request(PieceIndex(0)), "request_before_unchoke",
                           ProtocolError);
      rig.interested();
      CHECK(rig.said() == "UnChoke");
      CHECK_FALSE(rig.exchange.on_interested(kStart));
      CHECK(rig.said() == "");
      rig.exchange.on_request(PieceIndex(1));
      rig.exchange.on_request(PieceIndex(0));
      CHECK(rig.said() == "piece 1, piece 0");
      CHECK_THROWS_WITH_AS(rig.exchange.on_request(PieceIndex(2)),
                           "request_for_missing_piece piece=2", ProtocolError);
    }
  }

  TEST_CASE("a peer that loses interest gets no more, and its late requests are dropped") {
    Rig rig(PeerKind::kOurs, "11", "00");
    rig.interested();
    rig.said();
    rig.exchange.on_request(PieceIndex(0));
    CHECK(rig.exchange.on_uninterested());
    CHECK_FALSE(rig.exchange.on_uninterested());
    rig.exchange.on_request(PieceIndex(1));
    CHECK(rig.said() == "");
    rig.interested();
    CHECK(rig.said() == "UnChoke");
  }

  TEST_CASE("more requests than may wait are a protocol error") {
    Rig rig(PeerKind::kOurs, "1", "0");
    rig.interested();
    for (int i = 0; i < 256; ++i) rig.exchange.on_request(PieceIndex(0));
    CHECK_THROWS_WITH_AS(rig.exchange.on_request(PieceIndex(0)), "too_many_requests limit=256",
                         ProtocolError);
  }

  TEST_CASE("a choke gives back what was asked, and it is asked again later") {
    Rig rig(PeerKind::kOurs, "00", "11");
    rig.exchange.on_unchoke();
    rig.asked();
    CHECK(rig.left.none_left());
    CHECK(rig.exchange.on_choke());
    CHECK_FALSE(rig.left.none_left());
    CHECK_FALSE(rig.exchange.on_choke());
    CHECK(rig.asked() == "");
    // What was on its way still counts as asked for.
    rig.exchange.expect_piece(PieceIndex(0));
    rig.exchange.on_unchoke();
    CHECK(rig.asked().find("Request 0") != std::string::npos);
  }

  TEST_CASE("a piece that was never asked for is a protocol error") {
    Rig rig(PeerKind::kOurs, "000", "110");
    rig.exchange.on_unchoke();
    rig.asked();
    rig.exchange.expect_piece(PieceIndex(0));
    rig.exchange.expect_piece(PieceIndex(1));
    CHECK_THROWS_WITH_AS(rig.exchange.expect_piece(PieceIndex(2)), "piece_never_asked piece=2",
                         ProtocolError);
  }

  TEST_CASE("after a second wrong piece nothing is asked of a peer any more") {
    for (const PeerKind kind : kBothKinds) {
      Rig rig(kind, "0000", "1111");
      PeerPieces other{pieces("1111"), false};
      rig.left.peer_joined(other);
      rig.exchange.on_unchoke();
      rig.asked();
      CHECK_FALSE(rig.exchange.on_bad_piece(PieceIndex(0), kStart));
      CHECK(rig.asked() == "look");  // of another
      CHECK_FALSE(rig.left.none_left());
      CHECK(rig.exchange.on_bad_piece(PieceIndex(1), kStart));
      rig.said();
      // An original is told only when what it was asked for has come.
      rig.exchange.on_good_piece(PieceIndex(2), kStart);
      rig.exchange.on_good_piece(PieceIndex(3), kStart);
      rig.said();
      rig.exchange.on_unchoke();
      CHECK(rig.asked() == "");
      CHECK_FALSE(rig.exchange.standing().serves_us);
      rig.exchange.on_have(PieceIndex(0));
      CHECK(rig.said() == "");
    }
  }

  TEST_CASE("a wrong piece is asked of the same peer again when nobody else has it") {
    Rig rig(PeerKind::kOurs, "0", "1");
    rig.exchange.on_unchoke();
    rig.asked();
    rig.exchange.on_bad_piece(PieceIndex(0), kStart);
    rig.said();
    CHECK(rig.asked() == "Request 0");
  }

  TEST_CASE("a wrong piece is asked of the same peer again when those who have it do not send it") {
    Rig rig(PeerKind::kOurs, "0", "1");
    PeerPieces chokes_us{pieces("1"), false};
    rig.left.peer_joined(chokes_us);
    rig.exchange.on_unchoke();
    rig.asked();
    rig.exchange.on_bad_piece(PieceIndex(0), kStart);
    rig.said();
    CHECK(rig.exchange.request_more(kStart + kSecondChanceAfter - milliseconds(1)));
    CHECK(rig.said() == "");
    CHECK_FALSE(rig.exchange.request_more(kStart + kSecondChanceAfter));
    CHECK(rig.said() == "Request 0");
  }

  TEST_CASE("in the endgame an idle connection asks for what another has awaited for a while") {
    Rig rig(PeerKind::kOurs, "00", "11");
    const PeerPieces slow{pieces("11"), false};
    const auto first = rig.left.claim(slow, {}, kStart, LeftPieces::kNoEndgame);
    const auto second = rig.left.claim(slow, {}, kStart, LeftPieces::kNoEndgame);
    rig.exchange.on_unchoke();
    rig.said();
    CHECK(rig.exchange.request_more(kStart + kEndgamePatience));
    CHECK(rig.said() == "");
    CHECK_FALSE(rig.exchange.request_more(kStart + kEndgamePatience + milliseconds(1)));
    CHECK(rig.said().substr(0, 8) == "Request ");
    // It has something to do now.
    CHECK_FALSE(rig.exchange.request_more(kStart + seconds(60)));
    CHECK(rig.said() == "");
  }

  TEST_CASE("the endgame does not wait for a piece that nobody connected has") {
    Rig rig(PeerKind::kOurs, "00", "10");
    PeerPieces slow{pieces("10"), false};
    rig.left.peer_joined(slow);
    const auto first = rig.left.claim(slow, {}, kStart, LeftPieces::kNoEndgame);
    REQUIRE(first);
    rig.exchange.on_unchoke();
    rig.said();
    CHECK(rig.exchange.request_more(kStart));
    CHECK_FALSE(rig.exchange.request_more(kStart + kEndgamePatience + milliseconds(1)));
    CHECK(rig.said() == "Request 0");
  }

  TEST_CASE("with something to do, or nothing to want, there is no reason to look again") {
    Rig rig(PeerKind::kOurs, "000", "100");
    rig.exchange.on_unchoke();
    CHECK_FALSE(rig.exchange.request_more(kStart));
    CHECK_FALSE(rig.exchange.request_more(kStart));
    Rig idle(PeerKind::kOurs, "100", "100");
    CHECK_FALSE(idle.exchange.request_more(kStart));
  }

  TEST_CASE("an original is asked and served, and hears nothing else") {
    Rig rig(PeerKind::kOriginal, "100", "010");
    CHECK(rig.said() == "Interested");
    rig.held(2);
    rig.exchange.keep_alive();
    CHECK(rig.said() == "");
    rig.exchange.on_unchoke();
    CHECK(rig.said() == "look");
    CHECK(rig.asked() == "Request 1");
    // Another connection was faster: the original is not disturbed before it has answered.
    rig.held(1);
    CHECK(rig.said() == "");
    rig.exchange.on_good_piece(PieceIndex(1), kStart);
    CHECK(rig.said() == "look, UnInterested");
  }

  TEST_CASE("a conversation with an original is over when both sides rest") {
    Rig rig(PeerKind::kOriginal, "10", "01");
    CHECK_FALSE(rig.exchange.is_over());
    rig.exchange.on_interested(kStart);
    rig.exchange.on_uninterested();
    CHECK_FALSE(rig.exchange.is_over());  // we want something still
    rig.held(1);
    CHECK(rig.exchange.is_over());
    rig.exchange.on_interested(kStart);
    CHECK_FALSE(rig.exchange.is_over());
    rig.exchange.on_uninterested();
    CHECK(rig.exchange.is_over());
  }

  TEST_CASE("an original that has not spoken yet is not given up, nor is ever a peer of ours") {
    Rig silent(PeerKind::kOriginal, "11", "00");
    CHECK_FALSE(silent.exchange.is_over());
    Rig ours(PeerKind::kOurs, "11", "00");
    ours.exchange.on_uninterested();
    CHECK_FALSE(ours.exchange.is_over());
  }

  TEST_CASE("both are complete when neither lacks anything, however it came to be") {
    CHECK(Rig(PeerKind::kOurs, "11", "11").exchange.both_complete());
    Rig rig(PeerKind::kOurs, "01", "01");
    CHECK_FALSE(rig.exchange.both_complete());
    rig.exchange.on_have(PieceIndex(0));
    CHECK_FALSE(rig.exchange.both_complete());
    rig.held(0);
    CHECK(rig.exchange.both_complete());
  }

  TEST_CASE("keep-alives go to peers of ours only") {
    Rig rig(PeerKind::kOurs, "1", "0");
    rig.said();
    rig.exchange.keep_alive();
    CHECK(rig.said() == "KeepAlive");
  }

  TEST_CASE(
      "before the end what was asked goes back, nothing more is asked, and what comes is taken") {
    Rig rig(PeerKind::kOurs, "000", "110");
    rig.exchange.on_unchoke();
    rig.asked();
    CHECK(rig.exchange.stop_asking());
    CHECK_FALSE(rig.exchange.stop_asking());
    CHECK_FALSE(rig.left.none_left());
    CHECK_FALSE(rig.exchange.request_more(kStart + seconds(60)));
    CHECK(rig.said() == "");
    rig.exchange.expect_piece(PieceIndex(0));
    rig.exchange.on_good_piece(PieceIndex(0), kStart);
    CHECK(rig.left.availability(PieceIndex(0)) == 1);
  }

  TEST_CASE("the end gives back what was asked and forgets what the peer had") {
    Rig rig(PeerKind::kOurs, "00", "10");
    rig.exchange.on_unchoke();
    rig.asked();
    CHECK(rig.left.availability(PieceIndex(0)) == 1);
    rig.exchange.end();
    CHECK(rig.left.availability(PieceIndex(0)) == 0);
    CHECK_FALSE(rig.left.none_left());
    rig.exchange.end();
    CHECK(rig.left.availability(PieceIndex(0)) == 0);
    rig.exchange.on_piece_held(PieceIndex(0));
    CHECK(rig.said() == "");
  }

  TEST_CASE("ending before it began changes nothing") {
    LeftPieces left(pieces("0"), 1);
    Outbox outbox(256, 1000);
    SeedSteering steering(1, 1);
    Exchange exchange(PieceLayout(1, 1), true, left, steering, outbox);
    exchange.end();
    CHECK_FALSE(exchange.both_complete());
    CHECK_FALSE(exchange.is_over());
  }

  TEST_CASE("a seeder offers a leecher what it lacks, before it lets it choose") {
    Rig rig(PeerKind::kOurs, "1111", "1010", {.requests = 256, .suggest = true});
    rig.said();
    rig.interested();
    const std::string said = rig.said();
    CHECK((said == "Suggest 1, Suggest 3, UnChoke" || said == "Suggest 3, Suggest 1, UnChoke"));
    rig.exchange.on_request(PieceIndex(1));
    CHECK(rig.said() == "piece 1");  // and there is nothing more to offer
  }

  TEST_CASE("offers go on as they are taken up, a few at a time") {
    Rig rig(PeerKind::kOurs, std::string(100, '1'), std::string(100, '0'),
            {.requests = 256, .suggest = true});
    rig.said();
    rig.interested();
    const auto first = suggested(rig.said());
    REQUIRE(first.size() == 3);
    rig.exchange.on_request(first[0]);
    CHECK(suggested(rig.said()).size() == 1);
    // What it has found elsewhere is no offer any more either.
    rig.exchange.on_have(first[1]);
    rig.exchange.on_request(first[2]);
    CHECK(suggested(rig.said()).size() == 2);
  }

  TEST_CASE("nothing more is offered to who is about to go: it would not hear of it") {
    Rig rig(PeerKind::kOurs, "1111111", "0000000", {.requests = 256, .suggest = true});
    rig.interested();
    const auto offered = suggested(rig.said());
    REQUIRE(!offered.empty());
    rig.exchange.stop_asking();
    rig.exchange.on_have(offered.front());
    CHECK(rig.said() == "");
  }

  TEST_CASE("two leechers are not offered the same while there is something else") {
    const Bitfield all = pieces("1111");
    LeftPieces left(all, 1);
    SeedSteering steering(4, 1);
    Outbox outboxes[] = {{256, 64 << 10}, {256, 64 << 10}};
    Exchange first(PieceLayout(4, 1), false, left, steering, outboxes[0]);
    first.introduce(all);
    first.begin(PeerKind::kOurs, pieces("1100"), {.requests = 256, .suggest = true});
    first.on_interested(kStart);
    first.serve(true, kStart);  // is offered 2 and 3
    Exchange second(PieceLayout(4, 1), false, left, steering, outboxes[1]);
    second.introduce(all);
    second.begin(PeerKind::kOurs, pieces("0011"), {.requests = 256, .suggest = true});
    second.on_interested(kStart);
    second.serve(true, kStart);
    const std::string heard = frames_text(text_of(outboxes[1].wait(Clock::now()).small));
    CHECK((heard == "UnInterested, Suggest 0, Suggest 1, UnChoke" ||
           heard == "UnInterested, Suggest 1, Suggest 0, UnChoke"));
  }

  TEST_CASE("nothing is offered to who does not take it, or by who has not everything") {
    for (const auto& [mine, suggest] : {std::pair("1111", false), std::pair("1110", true)}) {
      Rig rig(PeerKind::kOurs, mine, "0000", {.requests = 256, .suggest = suggest});
      rig.said();
      rig.interested();
      CHECK(rig.said() == "UnChoke");
    }
  }

  TEST_CASE("what a seeder suggests is asked of it first, in that order") {
    Rig rig(PeerKind::kOurs, std::string(10, '0'), std::string(10, '1'));
    for (const std::uint32_t piece : {7U, 3U, 5U}) rig.exchange.on_suggest(PieceIndex(piece));
    rig.exchange.on_unchoke();
    rig.said();
    CHECK(rig.asked().starts_with("Request 7, Request 3, Request 5"));
  }

  TEST_CASE("while suggestions come, nothing else is asked but to keep the window half full") {
    Rig rig(PeerKind::kOurs, std::string(100, '0'), std::string(100, '1'));
    for (const std::uint32_t piece : {7U, 3U}) rig.exchange.on_suggest(PieceIndex(piece));
    rig.exchange.on_unchoke();
    rig.said();
    CHECK(rig.asked() == "Request 7, Request 3");  // of a window of four
    rig.exchange.on_suggest(PieceIndex(5));
    CHECK(rig.asked() == "look, Request 5");
    for (const std::uint32_t piece : {7U, 3U})
      rig.exchange.on_good_piece(PieceIndex(piece), kStart);
    CHECK(suggested(rig.said()).empty());
    const std::string asked = rig.asked();
    CHECK(asked.starts_with("Request "));
  }

  TEST_CASE("a suggestion that is of no use is passed over") {
    Rig rig(PeerKind::kOurs, "10000", "11011");
    PeerPieces other{pieces("00010")};
    rig.left.peer_joined(other);
    const auto claim = rig.left.claim(other, {}, kStart, LeftPieces::kNoEndgame);  // of 3
    for (const std::uint32_t piece : {0U, 2U, 3U, 4U}) rig.exchange.on_suggest(PieceIndex(piece));
    rig.exchange.on_unchoke();
    rig.said();
    CHECK(rig.asked() == "Request 4, Request 1");
    // A peer that suggests without end makes nothing grow.
    for (int i = 0; i < 1000; ++i) rig.exchange.on_suggest(PieceIndex(3));
    CHECK(rig.asked() == "look");
  }

  TEST_CASE("a piece that came from elsewhere is asked of nobody any more") {
    for (const bool takes_cancel : {true, false}) {
      Rig rig(PeerKind::kOurs, "00", "11", {.requests = 256, .cancel = takes_cancel});
      rig.exchange.on_unchoke();
      rig.said();
      rig.asked();
      rig.held(1);
      CHECK(rig.said() == (takes_cancel ? "look, Have 1, Cancel 1" : "Have 1"));
      // It may have been on its way.
      rig.exchange.expect_piece(PieceIndex(1));
      rig.exchange.on_good_piece(PieceIndex(1), kStart);
      rig.said();
    }
  }

  TEST_CASE("what came from the peer itself is not cancelled there") {
    Rig rig(PeerKind::kOurs, "00", "11", {.requests = 256, .cancel = true});
    rig.exchange.on_unchoke();
    rig.asked();
    rig.said();
    rig.exchange.on_good_piece(PieceIndex(1), kStart);
    rig.held(1);
    CHECK(rig.said() == "look, Have 1");
  }

  TEST_CASE("who takes an old UnChoke for a new one is told that it is choked") {
    Rig rig(PeerKind::kOurs, "111", "000");
    rig.interested();
    rig.exchange.on_uninterested();
    CHECK(rig.exchange.on_interested(kStart));  // and there is no slot for it now
    rig.said();
    rig.exchange.on_request(PieceIndex(1));
    CHECK(rig.said() == "Choke");
  }

  TEST_CASE("a leecher that has become complete steers those it is connected to") {
    Rig rig(PeerKind::kOurs, "10", "00", {.requests = 256, .suggest = true});
    rig.interested();
    rig.held(1);
    rig.said();
    rig.exchange.on_request(PieceIndex(0));
    CHECK(rig.said() == "Suggest 1, piece 0");
  }

  TEST_CASE("a request that is cancelled is not answered") {
    Rig rig(PeerKind::kOurs, "111", "000");
    rig.interested();
    rig.said();
    for (const std::uint32_t piece : {0U, 1U, 2U}) rig.exchange.on_request(PieceIndex(piece));
    rig.exchange.on_cancel(PieceIndex(1));
    CHECK(rig.said() == "piece 0, piece 2");
    rig.exchange.on_cancel(PieceIndex(1));
    CHECK(rig.said() == "");
  }
}

}  // namespace
}  // namespace piecework::peer
