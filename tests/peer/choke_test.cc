#include "peer/choke.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace piecework::peer {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

// Peers that all stay interested, and the slots that they get as time goes by.
struct Slots {
  Slots(std::size_t peers_count, std::size_t slots_count, bool seeds)
      : peers(peers_count), served(peers_count), slots(slots_count), seeding(seeds) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
      peers[i].since = kStart + milliseconds(static_cast<int>(i));
    }
    now += seconds(1);
    apply(ChokeRound::kFill);
  }

  void apply(ChokeRound round) {
    const auto chosen = choose_unchoked(peers, slots, round, seeding, now);
    REQUIRE(chosen.size() == peers.size());
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (peers[i].unchoked == chosen[i]) continue;
      peers[i].unchoked = chosen[i];
      peers[i].since = now;
      ++changes;
    }
  }
  void rotate() {
    for (std::size_t i = 0; i < peers.size(); ++i) served[i] += peers[i].unchoked ? 1 : 0;
    now += kRotateEvery;
    apply(ChokeRound::kRotate);
  }
  // "1010": who has a slot.
  std::string text() const {
    std::string flags;
    for (const ChokePeer& peer : peers) flags += peer.unchoked ? '1' : '0';
    return flags;
  }
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        peers.begin(), peers.end(), [](const ChokePeer& peer) { return peer.unchoked; }));
  }

  std::vector<ChokePeer> peers;
  std::vector<int> served;  // rounds in which each had a slot
  std::size_t slots;
  bool seeding;
  TimePoint now = kStart;
  int changes = 0;
};

TEST_SUITE("choke") {
  TEST_CASE("while there are slots for all, all have one, and keep it") {
    for (const bool seeding : {true, false}) {
      CHECK(choose_unchoked({}, 1, ChokeRound::kRotate, seeding, kStart).empty());
      Slots slots(4, 4, seeding);
      for (int i = 0; i < 10; ++i) slots.rotate();
      CHECK(slots.text() == "1111");
      CHECK(slots.changes == 4);
    }
  }

  TEST_CASE("who does not read loses its slot to who waits, and gets none while that lasts") {
    for (const bool seeding : {true, false}) {
      Slots slots(4, 2, seeding);
      CHECK(slots.text() == "1100");
      slots.peers[0].stalled_since = slots.now;
      slots.peers[0].received = 1000;
      slots.now += kDeafAfter - milliseconds(1);
      slots.apply(ChokeRound::kFill);
      CHECK(slots.text() == "1100");
      slots.now += milliseconds(1);
      slots.apply(ChokeRound::kFill);
      CHECK(slots.text() == "0110");
      for (int i = 0; i < 30; ++i) slots.rotate();
      CHECK(slots.served[0] == 0);
      CHECK(slots.count() == 2);
      // Nor while nobody else does.
      for (ChokePeer& peer : slots.peers) peer.stalled_since = kStart;
      slots.rotate();
      CHECK(slots.text() == "0000");
      slots.peers[0].stalled_since = kNoDeadline;
      slots.apply(ChokeRound::kFill);
      CHECK(slots.text() == "1000");
    }
  }

  TEST_CASE("who waits longest gets a free slot at once, and nobody loses one for it") {
    for (const bool seeding : {true, false}) {
      Slots slots(5, 2, seeding);
      CHECK(slots.text() == "11000");
      slots.peers[4].since = kStart - seconds(1);
      slots.peers.erase(slots.peers.begin());  // it has lost interest
      slots.now += std::chrono::hours(1);
      slots.apply(ChokeRound::kFill);
      CHECK(slots.text() == "1001");
    }
  }

  TEST_CASE("a slot too few is taken from who has had one longest") {
    Slots slots(4, 3, true);
    slots.peers[1].since = kStart - seconds(1);
    slots.slots = 2;
    slots.apply(ChokeRound::kFill);
    CHECK(slots.text() == "1010");
  }

  TEST_CASE("a seeder's one slot goes round, and each peer has it as long as any other") {
    Slots slots(3, 1, true);
    CHECK(slots.text() == "100");
    slots.rotate();
    CHECK(slots.text() == "010");
    slots.rotate();
    CHECK(slots.text() == "001");
    slots.rotate();
    CHECK(slots.text() == "100");
    for (int i = 0; i < 27; ++i) slots.rotate();
    CHECK(slots.served == std::vector{10, 10, 10});
  }

  TEST_CASE("seeding, everyone gets a slot within a bounded number of rounds") {
    for (const std::size_t count : {5U, 33U, 40U, 100U}) {
      for (const std::size_t slots_count : {1U, 4U, 32U}) {
        CAPTURE(count);
        CAPTURE(slots_count);
        Slots slots(count, slots_count, true);
        const std::size_t a_round = (slots_count + 3) / 4;
        const std::size_t rounds = (count + a_round - 1) / a_round;
        for (std::size_t cycle = 0; cycle < 4; ++cycle) {
          std::fill(slots.served.begin(), slots.served.end(), 0);
          for (std::size_t i = 0; i < rounds; ++i) slots.rotate();
          CHECK(slots.count() == std::min(count, slots_count));
          CHECK(*std::min_element(slots.served.begin(), slots.served.end()) > 0);
        }
      }
    }
  }

  TEST_CASE("a slot is kept for its time, and few change hands at once") {
    Slots slots(20, 8, true);
    const int before = slots.changes;
    slots.now += kRotateEvery - milliseconds(1);
    slots.apply(ChokeRound::kRotate);
    CHECK(slots.changes == before);
    slots.now += milliseconds(1);
    slots.apply(ChokeRound::kRotate);
    CHECK(slots.changes == before + 2 * 2);
    CHECK(slots.text() == "00111111110000000000");
  }

  TEST_CASE("leeching, those who give most keep their slots, and free riders share one") {
    Slots slots(8, 4, false);
    for (const std::size_t giver : {1U, 4U, 7U}) slots.peers[giver].received = 1000 * giver;
    slots.rotate();
    for (int i = 0; i < 60; ++i) {
      for (const std::size_t giver : {1U, 4U, 7U}) CHECK(slots.peers[giver].unchoked);
      CHECK(slots.count() == 4);
      slots.rotate();
    }
    // The others have the optimistic one in turn, for 30 s each.
    for (const std::size_t rider : {0U, 2U, 3U, 5U, 6U}) {
      CHECK(slots.served[rider] >= 9);
      CHECK(slots.served[rider] <= 15);
    }
  }

  TEST_CASE("leeching, who begins to give gets a slot of the giving, and who gives less loses it") {
    Slots slots(6, 3, false);
    for (const std::size_t giver : {0U, 1U}) slots.peers[giver].received = 100;
    slots.rotate();
    slots.peers[5].received = 101;
    slots.rotate();
    CHECK(slots.peers[5].unchoked);
    CHECK(slots.peers[0].unchoked);
    slots.peers[0].received = 0;
    for (int i = 0; i < 4; ++i) slots.rotate();
    CHECK(slots.peers[5].unchoked);
    CHECK(slots.peers[1].unchoked);
    slots.rotate();
    CHECK(slots.count() == 3);
  }

  TEST_CASE("leeching, slots that nobody reciprocates are not left empty but go round") {
    Slots slots(10, 4, false);
    for (int i = 0; i < 40; ++i) {
      slots.rotate();
      CHECK(slots.count() == 4);
    }
    CHECK(*std::min_element(slots.served.begin(), slots.served.end()) > 0);
  }

  TEST_CASE("leeching, nobody starves, however much the others give") {
    for (const std::size_t slots_count : {1U, 2U, 8U, 32U}) {
      CAPTURE(slots_count);
      Slots slots(slots_count + 10, slots_count, false);
      for (std::size_t i = 0; i < slots.peers.size(); ++i) slots.peers[i].received = i;
      for (int i = 0; i < 3 * 14; ++i) slots.rotate();
      CHECK(*std::min_element(slots.served.begin(), slots.served.end()) > 0);
    }
  }

  TEST_CASE("a seeder gives those who only take one slot in turn, while others share") {
    Slots slots(7, 32, true);
    CHECK(slots.text() == "1111111");
    for (std::size_t i = 0; i < 7; ++i) slots.peers[i].balance = {.given = Sharing::kOnTrust};
    slots.apply(ChokeRound::kFill);
    CHECK(slots.text() == "1111111");  // nobody shares: nobody is blamed
    for (std::size_t i = 0; i < 4; ++i) slots.peers[i].balance.passed_on = 1;
    slots.apply(ChokeRound::kFill);
    CHECK(slots.text().substr(0, 4) == "1111");
    CHECK(slots.count() == 5);
    for (int i = 0; i < 6; ++i) slots.rotate();
    for (std::size_t i = 4; i < 7; ++i) CHECK(slots.served[i] == 2);
    for (std::size_t i = 0; i < 4; ++i) CHECK(slots.served[i] == 6);
    slots.peers.resize(4);  // the takers go, and with one slot they would have none
    slots.slots = 1;
    slots.apply(ChokeRound::kFill);
    CHECK(slots.count() == 1);
  }

  TEST_CASE("who has not had enough on trust yet is no taker, nor is one while we leech") {
    Slots slots(2, 4, true);
    slots.peers[0].balance = {.given = 100, .passed_on = 60};
    slots.peers[1].balance = {.given = Sharing::kOnTrust - 1};
    slots.apply(ChokeRound::kFill);
    CHECK(slots.text() == "11");
    slots.peers[1].balance.given = Sharing::kOnTrust;
    slots.slots = 1;
    slots.apply(ChokeRound::kFill);
    CHECK(slots.text() == "10");
    slots.seeding = false;
    slots.slots = 2;
    slots.apply(ChokeRound::kFill);
    CHECK(slots.text() == "11");
  }
}

}  // namespace
}  // namespace piecework::peer
