// What the model of a swarm is made of: nodes, which are the real left pieces, seed steering, peer
// book and ban list of a download, and links between them, at each end of which stands a real
// Exchange with its outbox. Beside each real part stands what can be seen of it from outside, kept
// in the plainest way, and the real one is held against that.
// One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/endpoint.h"
#include "peer/ban_list.h"
#include "peer/exchange.h"
#include "peer/left_pieces.h"
#include "peer/outbox.h"
#include "peer/peer_book.h"
#include "peer/seed_steering.h"
#include "peer/write_schedule.h"
#include "tests/model/model_runs.h"

namespace piecework::model {

struct Node;
struct Link;

// One side of a connection.
struct End {
  End(Node& owner, Link& on, const PieceLayout& layout, double rate);

  Node& self;
  Link& link;
  const double bytes_per_second;  // that it can send
  TimePoint line_free;            // what it has sent so far is out
  bool send_planned = false;      // for when the line is free
  peer::Outbox outbox;
  peer::Exchange exchange;
  peer::WriteSchedule schedule{TimePoint()};
  std::uint64_t received = 0;  // bytes, and those before the last turn of the slots
  std::uint64_t received_before = 0;
  std::uint64_t received_lately = 0;

  // As seen from outside.
  bool begun = false;
  Bitfield known;              // what the peer has said that it has
  std::set<PieceIndex> asked;  // Requests that have not been answered, cancelled or choked off
  std::set<PieceIndex> sent_badly;
  std::optional<TimePoint> waits_since;  // the peer, for a slot
  bool serves = false;                   // it has one
  std::optional<Bitfield> promised;      // while we steer: what the peer has or was offered
  std::set<PieceIndex> offers;           // of these, those not taken up yet
};

struct Link {
  Link(Node& from, Node& to, std::uint32_t which, const PieceLayout& layout, double rate_out,
       double rate_back)
      : number(which),
        dialler(from, *this, layout, rate_out),
        acceptor(to, *this, layout, rate_back) {}
  End& other(const End& end) { return &end == &dialler ? acceptor : dialler; }

  const std::uint32_t number;  // of the parallel ones between the two nodes, from 0
  End dialler;
  End acceptor;
  Clock::duration delay{};
  bool over = false;
};

struct Node {
  Node(std::size_t number, const Bitfield& held, std::uint64_t seed);

  // Forgets everything but its pieces, as a restart does.
  void restart();

  // Throws ModelError when an invariant does not hold. The first is quick.
  void check_slots(std::size_t slots, TimePoint now, Clock::duration patience) const;
  void check_pieces(TimePoint now);

  // A Request for `piece` goes out at `end`: may it be claimed there, now? True: in the endgame.
  bool note_claim(End& end, PieceIndex piece, TimePoint now);
  void note_released(End& end, PieceIndex piece);
  void note_all_released(End& end);
  // A Suggest goes out.
  void note_offer(End& end, PieceIndex piece);

  const std::size_t number;
  const Endpoint endpoint;
  const std::string peer_id;
  std::uint64_t seed;
  peer::Random random;
  double bad_share = 0;  // of the pieces that it sends
  bool up = false;
  int run = 0;  // counts its starts
  std::unique_ptr<peer::LeftPieces> left;
  std::unique_ptr<peer::SeedSteering> steering;
  std::unique_ptr<peer::PeerBook> book;
  std::unique_ptr<peer::BanList> bans;
  std::vector<End*> ends;  // of links that are not over
  TimePoint next_rotation = kNoDeadline;

  // As seen from outside.
  struct Claimed {
    TimePoint first;
    TimePoint last;
  };
  std::map<PieceIndex, Claimed> claimed;
  std::map<std::pair<IpAddress, std::string>, TimePoint> banned_until;
  std::set<Endpoint> dialled;
  std::map<Endpoint, int> accepted;

 private:
  bool is_left(PieceIndex piece, TimePoint now);
};

}  // namespace piecework::model
