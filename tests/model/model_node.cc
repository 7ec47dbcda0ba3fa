#include "tests/model/model_node.h"

#include <algorithm>

#include "peer/handshake.h"

namespace piecework::model {
namespace {

constexpr std::size_t kSmallBytes = 256 << 10;
constexpr std::size_t kMostDialled = 64;
constexpr std::size_t kMostOffers = 3;         // open ones, to one leecher
constexpr std::size_t kMostEndgameClaims = 4;  // of one piece
constexpr seconds kStall{60};                  // after which there may be more

std::size_t claims_of(const Node& node, PieceIndex piece) {
  std::size_t claims = 0;
  for (const End* end : node.ends) claims += end->asked.count(piece);
  return claims;
}

}  // namespace

End::End(Node& owner, Link& on, const PieceLayout& layout, double rate)
    : self(owner),
      link(on),
      bytes_per_second(rate),
      outbox(peer::kMaxQueuedRequests, kSmallBytes, milliseconds(0)),
      exchange(layout, true, *owner.left, *owner.steering, outbox),
      known(layout.count()) {}

Node::Node(std::size_t which, const Bitfield& held, std::uint64_t random_seed)
    : number(which),
      endpoint(*Endpoint::parse("10.0.0." + std::to_string(which + 1) + ":5555")),
      peer_id("node" + std::to_string(which)),
      seed(random_seed),
      random(random_seed),
      left(std::make_unique<peer::LeftPieces>(held, random_seed)) {
  restart();
}

void Node::restart() {
  const Bitfield held = left->held();
  ++run;
  left = std::make_unique<peer::LeftPieces>(held, ++seed);
  steering = std::make_unique<peer::SeedSteering>(held.size(), seed);
  book = std::make_unique<peer::PeerBook>(kMostDialled);
  bans = std::make_unique<peer::BanList>();
  next_rotation = kNoDeadline;
  banned_until.clear();
  dialled.clear();
  accepted.clear();
}

void Node::check_slots(std::size_t slots, TimePoint now, Clock::duration patience) const {
  std::size_t served = 0;
  std::size_t waiting = 0;
  for (const End* end : ends) {
    const auto peer = end->exchange.wants_slot();
    if (!peer) continue;
    must(peer->unchoked == end->serves, "who was sent UnChoke is served, and nobody else");
    ++(peer->unchoked ? served : waiting);
    must(peer->unchoked || end->waits_since, "who waits for a slot has asked for one");
    must(peer->unchoked || now - *end->waits_since <= patience, "nobody starves for a slot");
  }
  must(served <= slots, "no more peers are served than there are slots");
  must(waiting == 0 || served == slots, "no slot is empty while somebody waits");
}

void Node::check_pieces(TimePoint now) {
  const Bitfield held = left->held();
  for (PieceIndex piece; piece.value() < held.size(); ++piece) {
    const std::size_t claims = claims_of(*this, piece);
    const bool piece_left = is_left(piece, now);
    if (held.has(piece)) {
      must(!piece_left, "what is held is not left");
    } else {
      must(piece_left || claims > 0, "no piece is lost: it is held, claimed or left");
      must(!piece_left || claims == 0, "a claimed piece is not left");
    }
    std::uint32_t holders = 0;
    for (const End* end : ends) holders += end->begun && end->known.has(piece) ? 1 : 0;
    must(left->availability(piece) == holders, "availability is the number of peers that have it");
  }
  for (const End* end : ends) {
    if (!end->begun) continue;
    const auto standing = end->exchange.standing();
    must(standing.pieces == end->known.held(), "a peer has what it has said");
    must(standing.wanted == end->known.count_missing_in(held) || end->sent_badly.size() > 1,
         "what a peer has and we lack is wanted");
  }
}

bool Node::note_claim(End& end, PieceIndex piece, TimePoint now) {
  must(end.known.has(piece), "only what a peer has is asked of it");
  must(!left->is_held(piece), "what is held is not asked for");
  must(!end.asked.contains(piece), "nothing is asked of the same peer twice at a time");
  const auto found = claimed.find(piece);
  if (found == claimed.end()) {
    claimed.emplace(piece, Claimed{now, now});
    end.asked.insert(piece);
    return false;
  }
  must(end.asked.empty(), "only who has nothing to do asks for what others have been asked");
  must(now - found->second.first > peer::kEndgamePatience, "a claim is left in peace at first");
  must(claims_of(*this, piece) < kMostEndgameClaims || now - found->second.last >= kStall,
       "a few at most ask for the same piece");
  for (PieceIndex other; other.value() < end.known.size(); ++other) {
    if (!end.known.has(other) || end.sent_badly.contains(other)) continue;
    must(!is_left(other, now), "no piece is claimed twice while others are left");
  }
  found->second.last = now;
  end.asked.insert(piece);
  return true;
}

void Node::note_released(End& end, PieceIndex piece) {
  if (end.asked.erase(piece) > 0 && claims_of(*this, piece) == 0) claimed.erase(piece);
}

void Node::note_all_released(End& end) {
  for (const PieceIndex piece : std::set(end.asked)) note_released(end, piece);
}

void Node::note_offer(End& end, PieceIndex piece) {
  must(end.promised.has_value(), "only who has everything steers");
  const auto promises = [&](PieceIndex which) {
    return std::ranges::count_if(
        ends, [&](const End* other) { return other->promised && other->promised->has(which); });
  };
  const auto fewest = promises(piece);
  for (PieceIndex other; other.value() < end.known.size(); ++other) {
    if (!end.promised->has(other)) {
      must(fewest <= promises(other), "what the fewest have or were promised is offered");
    }
  }
  must(end.promised->set(piece), "what a peer has or was promised is not offered to it");
  end.offers.insert(piece);
  must(end.offers.size() <= kMostOffers, "few offers are open at a time");
}

// The only question that LeftPieces answers is whether it can be claimed.
bool Node::is_left(PieceIndex piece, TimePoint now) {
  return left->claim_left(piece, now).has_value();
}

}  // namespace piecework::model
