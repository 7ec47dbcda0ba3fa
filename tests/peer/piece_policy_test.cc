#include "peer/piece_policy.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/pieces.h"

namespace piecework::peer {
namespace {

// The set of pieces left ("1101": all but the third) among peers that hold what they say.
RarestFirst swarm(std::string_view left, const std::vector<std::string>& peers) {
  RarestFirst policy(static_cast<std::uint32_t>(left.size()));
  for (PieceIndex piece; piece.value() < left.size(); ++piece) {
    if (left[piece.value()] == '1') policy.insert(piece);
  }
  for (const std::string& peer : peers) {
    for (PieceIndex piece; piece.value() < peer.size(); ++piece) {
      if (peer[piece.value()] == '1') policy.gained(piece);
    }
  }
  return policy;
}

// The order in which a peer that has `has` would be asked, one digit a piece.
std::string order(RarestFirst policy, const std::string& has, std::uint64_t seed = 1) {
  Random random(seed);
  std::string picked;
  const auto allowed = [&](PieceIndex piece) { return has[piece.value()] == '1'; };
  while (const auto piece = policy.pick(random, allowed)) {
    picked += std::to_string(piece->value());
    policy.erase(*piece);
  }
  return picked;
}

// What RarestFirst promises, in the simplest way.
class Naive {
 public:
  explicit Naive(std::uint32_t pieces) : availability(pieces, 0) {}

  std::set<std::uint32_t> rarest(const Bitfield& has) const {
    std::set<std::uint32_t> best;
    for (const std::uint32_t piece : left) {
      if (!has.has(PieceIndex(piece))) continue;
      if (!best.empty() && availability[piece] > availability[*best.begin()]) continue;
      if (!best.empty() && availability[piece] < availability[*best.begin()]) best.clear();
      best.insert(piece);
    }
    return best;
  }

  std::set<std::uint32_t> left;
  std::vector<std::uint32_t> availability;
};

TEST_SUITE("piece_policy") {
  TEST_CASE("the rarest piece comes first") {
    CHECK(order(swarm("1111", {"1111", "0111", "0011", "0001"}), "1111") == "0123");
    CHECK(order(swarm("1111", {"1111", "1110", "1100", "1000"}), "1111") == "3210");
    CHECK(order(swarm("11111", {"11111", "10101", "10001", "00001"}), "10101") == "204");
  }

  TEST_CASE("only what the peer has and what is left is picked") {
    CHECK(order(swarm("1111", {"0111", "0011"}), "0110") == "12");
    CHECK(order(swarm("1010", {"1111", "0011"}), "1111") == "02");
    CHECK(order(swarm("1111", {"1111"}), "0000") == "");
    CHECK(order(swarm("0000", {"1111"}), "1111") == "");
    CHECK(order(swarm("", {}), "") == "");
  }

  TEST_CASE("a piece that nobody is known to hold is the rarest of all") {
    CHECK(order(swarm("111", {"101"}), "111").front() == '1');
  }

  TEST_CASE("gains and losses move a piece, in the set or not") {
    RarestFirst policy = swarm("110", {"110", "010"});
    CHECK(order(policy, "111") == "01");
    policy.gained(PieceIndex(0));
    policy.gained(PieceIndex(0));
    CHECK(order(policy, "111") == "10");
    policy.lost(PieceIndex(1));
    policy.lost(PieceIndex(1));
    CHECK(policy.availability(PieceIndex(1)) == 0);
    policy.gained(PieceIndex(2));
    policy.gained(PieceIndex(2));
    policy.insert(PieceIndex(2));
    CHECK(policy.size() == 3);
    CHECK(order(policy, "111") == "120");
    policy.lost(PieceIndex(2));
    policy.lost(PieceIndex(2));
    policy.erase(PieceIndex(1));
    CHECK(order(policy, "111") == "20");
  }

  TEST_CASE("the set knows what is in it") {
    RarestFirst policy = swarm("101", {});
    CHECK(policy.contains(PieceIndex(0)));
    CHECK_FALSE(policy.contains(PieceIndex(1)));
    CHECK(policy.size() == 2);
    policy.erase(PieceIndex(0));
    CHECK_FALSE(policy.contains(PieceIndex(0)));
    CHECK_FALSE(policy.empty());
    policy.erase(PieceIndex(2));
    CHECK(policy.empty());
    policy.insert(PieceIndex(0));
    CHECK(policy.contains(PieceIndex(0)));
  }

  TEST_CASE("equally rare pieces have about equal chances") {
    constexpr int kRounds = 8000;
    constexpr int kPieces = 8;
    const RarestFirst policy = swarm("11111111", {"11111111"});
    Random random(1);
    std::map<std::uint32_t, int> times;
    for (int i = 0; i < kRounds; ++i) {
      ++times[policy.pick(random, [](PieceIndex) { return true; })->value()];
    }
    CHECK(times.size() == kPieces);
    for (const auto& [piece, count] : times) {
      CHECK(count > kRounds / kPieces * 8 / 10);
      CHECK(count < kRounds / kPieces * 12 / 10);
    }
  }

  TEST_CASE("a seed repeats a run") {
    const RarestFirst policy = swarm("1111111111", {});
    CHECK(order(policy, "1111111111", 7) == order(policy, "1111111111", 7));
    CHECK(order(policy, "1111111111", 7) != order(policy, "1111111111", 8));
  }

  TEST_CASE("each piece is looked at no more than once") {
    const RarestFirst policy = swarm("11111", {"11111", "01010", "00010"});
    Random random(1);
    std::multiset<std::uint32_t> seen;
    CHECK_FALSE(policy.pick(random, [&](PieceIndex piece) {
      seen.insert(piece.value());
      return false;
    }));
    CHECK(seen == std::multiset<std::uint32_t>{0, 1, 2, 3, 4});
  }

  TEST_CASE("10,000 random operations agree with the naive way") {
    constexpr std::uint32_t kPieces = 40;
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
      CAPTURE(seed);
      Random random(seed);
      RarestFirst policy(kPieces);
      Naive naive(kPieces);
      for (int step = 0; step < 10'000; ++step) {
        const auto number = static_cast<std::uint32_t>(random() % kPieces);
        const PieceIndex piece(number);
        switch (random() % 4) {
          case 0:
            if (naive.left.insert(number).second) {
              policy.insert(piece);
            } else {
              naive.left.erase(number);
              policy.erase(piece);
            }
            break;
          case 1:
            ++naive.availability[number];
            policy.gained(piece);
            break;
          case 2:
            if (naive.availability[number] == 0) break;
            --naive.availability[number];
            policy.lost(piece);
            break;
          default: {
            Bitfield has(kPieces);
            for (int i = 0; i < 10; ++i) {
              has.set(PieceIndex(static_cast<std::uint32_t>(random() % kPieces)));
            }
            const auto rarest = naive.rarest(has);
            const auto picked =
                policy.pick(random, [&](PieceIndex candidate) { return has.has(candidate); });
            REQUIRE(picked.has_value() == !rarest.empty());
            if (picked) REQUIRE(rarest.contains(picked->value()));
          }
        }
        REQUIRE(policy.size() == naive.left.size());
        REQUIRE(policy.contains(piece) == naive.left.contains(number));
        REQUIRE(policy.availability(piece) == naive.availability[number]);
      }
    }
  }
}

}  // namespace
}  // namespace piecework::peer
