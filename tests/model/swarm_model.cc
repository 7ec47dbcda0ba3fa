#include "tests/model/swarm_model.h"

#include <algorithm>
#include <array>
#include <list>

#include "common/byte_order.h"
#include "common/errors.h"
#include "common/fields.h"
#include "common/messages.h"
#include "peer/choke.h"
#include "tests/model/event_queue.h"
#include "tests/model/model_node.h"
#include "tracker/swarm_registry.h"

namespace piecework::model {
namespace {

using peer::ChokeRound;
using peer::Outcome;

constexpr seconds kAnnounceEvery{60};
constexpr milliseconds kExpiry = seconds(150);
constexpr seconds kExpireEvery{10};
constexpr std::chrono::minutes kStuckAfter{30};  // a ban takes ten
constexpr seconds kSlotTurn{45};                 // for each who waits before one
constexpr std::uint64_t kMostEvents = 3'000'000;
constexpr std::size_t kCheckPiecesEvery = 32;  // events
constexpr peer::PeerTakes kTakes{.requests = 256, .cancel = true, .suggest = true};

// What travels.
struct Message {
  MessageId id;
  PieceIndex piece;
  bool good = true;
};

std::vector<Message> parse_frames(std::span<const std::byte> frames) {
  std::vector<Message> messages;
  while (!frames.empty()) {
    const auto length = load_be_at<std::uint64_t>(frames, 0);
    const auto body = frames.subspan(kFrameHeaderBytes, length);
    frames = frames.subspan(kFrameHeaderBytes + length);
    Message message{static_cast<MessageId>(body[kMessageLengthBytes]), {}};
    if (body.size() > kMessageHeadBytes) {
      message.piece = PieceIndex(load_be_at<std::uint32_t>(body, kMessageHeadBytes));
    }
    messages.push_back(message);
  }
  return messages;
}

InfoHash the_hash() {
  return InfoHash(std::array<std::byte, 32>{std::byte{7}});
}

class SwarmModel {
 public:
  explicit SwarmModel(std::uint64_t seed);
  SwarmStats run();

 private:
  using LinkPtr = std::shared_ptr<Link>;

  // The beginning.
  static PieceLayout draw_layout(Draw& draw, bool crowded);
  void make_nodes();
  std::vector<Bitfield> draw_holdings(std::size_t nodes);
  void plan_faults();

  // Nodes, the tracker and who dials whom.
  void start(Node& node);
  void stop(Node& node, bool says_so);
  void announce(Node& node, int run);
  void check_answer(const Node& asker, const std::vector<AnnouncedPeer>& peers) const;
  void expire();
  void dial_due(Node& node);
  void dial(Node& node, const Endpoint& to, int run);
  void refuse(Node& node, const Endpoint& to, Outcome outcome);
  bool is_banned(const Node& by, const Node& whom) const;
  Node& node_at(const Endpoint& endpoint);
  bool is_linked(const Node& one, const Node& other, std::uint32_t number) const;

  // Links.
  void connect(Node& from, Node& to, std::uint32_t number);
  void connect_again(const LinkPtr& first);
  void meet(const LinkPtr& link);
  void begin(End& end, const Bitfield& theirs);
  void close(const LinkPtr& link, End& by);
  void finish(Link& link, Outcome outcome);
  LinkPtr keep(const Link& link) const;

  // What passes.
  void tell(End& end);
  void tell_all(Node& node);
  void note_sent(End& end, const Message& message);
  void travel(End& from, const Message& message, std::uint32_t bytes);
  void send_piece(End& end, PieceIndex piece);
  void deliver(End& end, const Message& message);
  void handle(End& end, const Message& message);
  void on_piece(End& end, const Message& message);
  void on_bad_piece(End& end, PieceIndex piece);
  void stored(Node& node, PieceIndex piece);

  // Upload slots.
  bool share_slots(Node& node, ChokeRound round);
  void share_free_slots(Node& node);
  void tend(Node& node, int run);
  void plan_rotation(Node& node);

  void fault();
  bool is_done() const;
  void check(Node& node);
  void check_end();

  std::vector<std::unique_ptr<Node>> nodes_;  // outlive the links, some of them in the queue
  Draw draw_;
  EventQueue queue_;
  const bool crowded_;  // many who need long wait for few slots
  const PieceLayout layout_;
  const std::size_t slots_;
  const double fastest_;      // bytes/s, of a link
  const double fault_every_;  // seconds; 0: none
  const TimePoint calm_at_;
  TimePoint last_progress_;
  tracker::SwarmRegistry registry_;
  std::map<Endpoint, TimePoint> announced_;  // as the registry should know it
  std::list<LinkPtr> links_;
  SwarmStats stats_;
};

// ---- The beginning ----

SwarmModel::SwarmModel(std::uint64_t seed)
    : draw_(seed),
      crowded_(draw_.one_in(8)),
      layout_(draw_layout(draw_, crowded_)),
      slots_(crowded_ ? 1 + draw_.below(2)
                      : std::array<std::size_t, 5>{1, 2, 3, 8, 32}[draw_.below(5)]),
      fastest_(crowded_ || draw_.one_in(3) ? 60e3 : 2e6),
      fault_every_(draw_.one_in(3) ? 0 : draw_.spread(0.2, 10)),
      calm_at_(queue_.now() + seconds(draw_.below(120))),
      last_progress_(calm_at_),
      registry_({.swarms = 10,
                 .peers = 1000,
                 .renewing_expiry = kExpiry,
                 .original_expiry = std::chrono::hours(24)},
                seed) {
  make_nodes();
  plan_faults();
  queue_.at(queue_.now() + kExpireEvery, [this] { expire(); });
}

PieceLayout SwarmModel::draw_layout(Draw& draw, bool crowded) {
  if (crowded) return {std::uint64_t{100} << 16, 1U << 16};
  const auto pieces = 1 + draw.below(draw.one_in(4) ? 4 : 40);
  const auto piece_length = 1024U << draw.below(7);
  const std::uint64_t last = 1 + draw.below(piece_length);
  return {(pieces - 1) * piece_length + last, piece_length};
}

void SwarmModel::make_nodes() {
  const bool many = !crowded_ && draw_.one_in(8);
  const std::size_t count = (many ? 20 : crowded_ ? 6 : 2) + draw_.below(9);
  const std::vector<Bitfield> held = draw_holdings(count);
  for (std::size_t i = 0; i < count; ++i) {
    nodes_.push_back(std::make_unique<Node>(i, held[i], draw_.number()));
    Node& node = *nodes_.back();
    const auto joins = queue_.now() + milliseconds(draw_.below(draw_.one_in(3) ? 60'000 : 1000));
    queue_.at(joins, [this, &node] { start(node); });
  }
  // A node of the second half may lie, and is not needed.
  for (std::size_t liars = draw_.one_in(2) ? draw_.below(3) : 0; liars > 0; --liars) {
    const std::size_t liar = (count + 1) / 2 + draw_.below(count / 2);
    nodes_[liar]->bad_share = draw_.one_in(2) ? 1 : 0.2;
  }
}

// What is held at first. Those of the first half hold everything between them.
std::vector<Bitfield> SwarmModel::draw_holdings(std::size_t count) {
  std::vector<Bitfield> held(count, Bitfield(layout_.count()));
  const std::size_t honest = (count + 1) / 2;
  const std::size_t sources = draw_.one_in(2) ? 1 : 1 + draw_.below(honest);
  for (PieceIndex piece; piece.value() < layout_.count(); ++piece) {
    held[draw_.below(sources)].set(piece);
    for (std::size_t i = sources; i < count; ++i) {
      const bool has_some = i % 3 == 2 && sources > 1;
      if (has_some && draw_.one_in(2)) held[i].set(piece);
    }
  }
  if (draw_.one_in(3)) held.back() = Bitfield(layout_.count(), true);
  return held;
}

void SwarmModel::plan_faults() {
  if (fault_every_ == 0) return;
  auto at = queue_.now();
  while (at < calm_at_) {
    at += std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(draw_.spread(fault_every_ / 10, fault_every_ * 2)));
    queue_.at(at, [this] { fault(); });
  }
}

// ---- Nodes, the tracker and who dials whom ----

void SwarmModel::start(Node& node) {
  if (node.up) return;
  node.up = true;
  announce(node, node.run);
}

void SwarmModel::stop(Node& node, bool says_so) {
  if (!node.up) return;
  node.up = false;
  // Those too that it has not answered yet.
  for (const LinkPtr& link : std::list(links_)) {
    if (&link->dialler.self == &node || &link->acceptor.self == &node)
      finish(*link, Outcome::kLost);
  }
  if (says_so) {
    const bool known = announced_.erase(node.endpoint) > 0;
    must(registry_.leave(the_hash(), node.endpoint) == known, "who is there can leave, once");
  }
  node.restart();
  queue_.at(queue_.now() + milliseconds(draw_.below(30'000)), [this, &node] { start(node); });
}

void SwarmModel::announce(Node& node, int run) {
  if (!node.up || node.run != run) return;
  const auto answer = registry_.announce({.swarm = the_hash(),
                                          .peer = node.endpoint,
                                          .peer_id = node.peer_id,
                                          .renews = true,
                                          .complete = node.left->all_held(),
                                          .numwant = 50},
                                         queue_.now());
  announced_[node.endpoint] = queue_.now();
  check_answer(node, answer.peers);
  must(answer.complete + answer.incomplete == announced_.size(), "the tracker counts its peers");
  std::vector<Endpoint> named;
  for (const AnnouncedPeer& peer : answer.peers) named.push_back(peer.endpoint);
  node.book->named_by_tracker(named, queue_.now());
  queue_.at(queue_.now() + kAnnounceEvery, [this, &node, run] { announce(node, run); });
  dial_due(node);
}

void SwarmModel::check_answer(const Node& asker, const std::vector<AnnouncedPeer>& peers) const {
  must(peers.size() + 1 == announced_.size(), "a small swarm is told of everybody");
  for (const AnnouncedPeer& peer : peers) {
    must(peer.endpoint != asker.endpoint, "nobody is told of himself");
    const auto found = announced_.find(peer.endpoint);
    must(found != announced_.end(), "nobody is told of who has left");
    must(queue_.now() - found->second <= kExpiry + kExpireEvery, "nobody is told of the expired");
  }
}

void SwarmModel::expire() {
  const auto gone = registry_.expire(queue_.now(), nodes_.size());
  const auto expected = std::erase_if(
      announced_, [this](const auto& peer) { return queue_.now() - peer.second > kExpiry; });
  must(gone.size() == expected, "who has not renewed in time expires");
  queue_.at(queue_.now() + kExpireEvery, [this] { expire(); });
}

void SwarmModel::dial_due(Node& node) {
  const TimePoint now = queue_.now();
  const TimePoint next = node.book->next_due();
  const auto due = node.book->take_due(now);
  must(due.empty() == (next > now), "something is due when the book says so");
  for (const Endpoint& to : due) {
    must(node.dialled.insert(to).second, "nobody is dialled twice at a time");
    must(!node.accepted.contains(to), "who has dialled us is not dialled");
    must(to != node.endpoint, "nobody dials himself");
    queue_.at(now + milliseconds(draw_.below(50)),
              [this, &node, to, run = node.run] { dial(node, to, run); });
  }
  const TimePoint later = node.book->next_due();
  must(later > now, "what is due has been taken");
  if (later == kNoDeadline) return;
  queue_.at(later, [this, &node, run = node.run] {
    if (node.up && node.run == run) dial_due(node);
  });
}

void SwarmModel::dial(Node& node, const Endpoint& to, int run) {
  if (!node.up || node.run != run) return;
  Node& peer = node_at(to);
  if (!peer.up) return refuse(node, to, Outcome::kUnreachable);
  if (is_banned(node, peer) || is_banned(peer, node)) {
    return refuse(node, to, Outcome::kBanned);
  }
  if (is_linked(node, peer, 0)) return refuse(node, to, Outcome::kSurplus);
  connect(node, peer, 0);
}

void SwarmModel::refuse(Node& node, const Endpoint& to, Outcome outcome) {
  node.book->ended(to, outcome, queue_.now(), node.random);
  node.dialled.erase(to);
  dial_due(node);
}

// Under either name, and as long as the naive list says.
bool SwarmModel::is_banned(const Node& by, const Node& whom) const {
  bool banned = false;
  for (const std::string& name : {std::to_string(whom.endpoint.port), whom.peer_id}) {
    const bool real = by.bans->is_banned(whom.endpoint.address, name, queue_.now());
    const auto until = by.banned_until.find({whom.endpoint.address, name});
    const bool naive = until != by.banned_until.end() && queue_.now() < until->second;
    must(real == naive, "who is banned is banned, and nobody else");
    banned = banned || real;
  }
  return banned;
}

Node& SwarmModel::node_at(const Endpoint& endpoint) {
  for (const auto& node : nodes_) {
    if (node->endpoint == endpoint) return *node;
  }
  throw ModelError("the tracker names only who has announced");
}

bool SwarmModel::is_linked(const Node& one, const Node& other, std::uint32_t number) const {
  return std::ranges::any_of(one.ends, [&](End* end) {
    return &end->link.other(*end).self == &other && end->link.number == number;
  });
}

// ---- Links ----

void SwarmModel::connect(Node& from, Node& to, std::uint32_t number) {
  const auto rate = [this] { return draw_.one_in(12) ? 1500 : draw_.spread(8e3, fastest_); };
  const double out = rate();
  const double back = rate();
  const auto link = std::make_shared<Link>(from, to, number, layout_, out, back);
  link->delay = milliseconds(draw_.below(100));
  links_.push_back(link);
  from.ends.push_back(&link->dialler);
  link->dialler.exchange.introduce(from.left->held());
  queue_.at(queue_.now() + link->delay, [this, link, theirs = from.left->held()] {
    if (link->over) return;
    meet(link);
    begin(link->acceptor, theirs);
  });
  if (number == 0 && draw_.one_in(4)) {
    queue_.at(queue_.now() + milliseconds(draw_.below(10'000)),
              [this, link] { connect_again(link); });
  }
}

// Either side may, whoever dialled first. The dialler's book does not know of it.
void SwarmModel::connect_again(const LinkPtr& first) {
  if (first->over || !first->dialler.begun) return;
  End& by = draw_.one_in(2) ? first->dialler : first->acceptor;
  Node& from = by.self;
  Node& to = first->other(by).self;
  if (is_linked(from, to, 1) || is_banned(from, to) || is_banned(to, from)) return;
  ++stats_.parallel;
  connect(from, to, 1);
}

// The acceptor answers with its own first frame, before anything else.
void SwarmModel::meet(const LinkPtr& link) {
  Node& node = link->acceptor.self;
  node.ends.push_back(&link->acceptor);
  const Bitfield mine = node.left->held();
  link->acceptor.exchange.introduce(mine);
  node.book->accepted_from(link->dialler.self.endpoint);
  ++node.accepted[link->dialler.self.endpoint];
  queue_.at(queue_.now() + link->delay, [this, link, mine] {
    if (!link->over) begin(link->dialler, mine);
  });
}

void SwarmModel::begin(End& end, const Bitfield& theirs) {
  end.known = theirs;
  end.begun = true;
  if (end.self.left->all_held()) end.promised = theirs;
  end.exchange.begin(peer::PeerKind::kOurs, theirs, kTakes);
  tell(end);
  if (end.exchange.both_complete()) return finish(end.link, Outcome::kBothComplete);
  check(end.self);
}

// Politely: asks for nothing more and says so, and the other side ends it.
void SwarmModel::close(const LinkPtr& link, End& by) {
  tell(by);
  by.outbox.close(EncodedMessage::plain(MessageId::kServerClose));
  by.serves = false;
  by.self.note_all_released(by);
  if (by.exchange.stop_asking()) tell_all(by.self);
  share_free_slots(by.self);
  queue_.at(queue_.now() + link->delay, [this, link] { finish(*link, Outcome::kLost); });
}

void SwarmModel::finish(Link& link, Outcome outcome) {
  if (link.over) return;
  const LinkPtr kept = keep(link);
  link.over = true;
  const bool nothing_left =
      link.dialler.exchange.both_complete() || link.acceptor.exchange.both_complete();
  if (nothing_left && outcome == Outcome::kLost) outcome = Outcome::kBothComplete;
  for (End* end : {&link.dialler, &link.acceptor}) {
    Node& node = end->self;
    node.note_all_released(*end);
    std::erase(node.ends, end);
    end->promised.reset();
    end->exchange.end();
    tell_all(node);
    share_free_slots(node);
  }
  Node& from = link.dialler.self;
  Node& to = link.acceptor.self;
  if (link.number == 0) {
    from.book->ended(to.endpoint, outcome, queue_.now(), from.random);
    from.dialled.erase(to.endpoint);
  }
  if (link.acceptor.begun) {
    to.book->accepted_gone(from.endpoint, queue_.now());
    if (--to.accepted[from.endpoint] == 0) to.accepted.erase(from.endpoint);
  }
  links_.remove(kept);
  for (Node* node : {&from, &to}) {
    if (node->up) dial_due(*node);
    check(*node);
  }
}

SwarmModel::LinkPtr SwarmModel::keep(const Link& link) const {
  return *std::ranges::find_if(links_, [&](const LinkPtr& other) { return other.get() == &link; });
}

// ---- What passes ----

// What the writer does: says everything that `end` has to say. Pieces wait in the outbox, where
// they can still be dropped, until the line is free.
void SwarmModel::tell(End& end) {
  using What = peer::Outbox::Next::What;
  if (end.link.over) return;
  std::vector<PieceIndex> pieces;
  while (true) {
    const auto next = end.outbox.wait(TimePoint::min());
    if (next.what == What::kClosed) return;
    if (next.what == What::kTimeout) break;
    if (next.what == What::kPiece) pieces.push_back(next.piece);
    if (next.what == What::kSmall) {
      for (const Message& message : parse_frames(next.small)) {
        note_sent(end, message);
        travel(end, message, 0);
      }
    }
    if (next.what == What::kRequest && end.exchange.request_more(queue_.now())) {
      queue_.at(queue_.now() + peer::kEndgamePatience + milliseconds(1),
                [this, &end, link = keep(end.link)] {
                  if (link->over) return;
                  end.outbox.wake_to_request();
                  tell(end);
                });
    }
  }
  const bool free = !pieces.empty() && end.line_free <= queue_.now();
  if (free) send_piece(end, pieces.front());
  for (std::size_t i = free ? 1 : 0; i < pieces.size(); ++i) end.outbox.push_piece(pieces[i]);
  if (pieces.size() > (free ? 1 : 0) && !end.send_planned) {
    end.send_planned = true;
    queue_.at(end.line_free, [this, &end, link = keep(end.link)] {
      end.send_planned = false;
      tell(end);
    });
  }
}

void SwarmModel::tell_all(Node& node) {
  for (End* end : node.ends) {
    end->outbox.wake_to_request();
    tell(*end);
  }
}

void SwarmModel::note_sent(End& end, const Message& message) {
  Node& node = end.self;
  switch (message.id) {
    case MessageId::kRequest:
      stats_.endgame_claims += node.note_claim(end, message.piece, queue_.now()) ? 1 : 0;
      return;
    case MessageId::kCancel:
      must(end.asked.contains(message.piece), "only what is asked for is cancelled");
      ++stats_.cancels;
      return node.note_released(end, message.piece);
    case MessageId::kUnInterested: return node.note_all_released(end);
    case MessageId::kChoke:
      ++stats_.chokes;
      end.serves = false;
      end.waits_since = queue_.now();
      return;
    case MessageId::kUnChoke:
      end.serves = true;
      end.waits_since.reset();
      return;
    case MessageId::kSuggest: ++stats_.offers; return node.note_offer(end, message.piece);
    case MessageId::kHave:
      return must(node.left->is_held(message.piece), "only what is held is announced");
    default: return;
  }
}

void SwarmModel::travel(End& from, const Message& message, std::uint32_t bytes) {
  const std::chrono::duration<double> takes(bytes / from.bytes_per_second);
  from.line_free =
      std::max(from.line_free, queue_.now()) + std::chrono::duration_cast<Clock::duration>(takes);
  End& to = from.link.other(from);
  queue_.at(from.line_free + from.link.delay, [this, &to, message, link = keep(from.link)] {
    if (!link->over) deliver(to, message);
  });
}

void SwarmModel::send_piece(End& end, PieceIndex piece) {
  must(end.self.left->is_held(piece), "only what is held is sent");
  constexpr std::size_t kWhole = 1000;
  const bool bad = static_cast<double>(draw_.below(kWhole)) < end.self.bad_share * kWhole;
  travel(end, {MessageId::kPiece, piece, !bad}, layout_.length(piece));
}

void SwarmModel::deliver(End& end, const Message& message) {
  const LinkPtr link = keep(end.link);
  try {
    handle(end, message);
  } catch (const ProtocolError& error) {
    throw ModelError(std::string("nobody here breaks the protocol, but: ") +
                     std::string(message_name(message.id)) + ": " + error.what());
  }
  if (link->over) return;
  tell(end);
  if (end.exchange.both_complete()) return finish(*link, Outcome::kBothComplete);
  check(end.self);
}

void SwarmModel::handle(End& end, const Message& message) {
  Node& node = end.self;
  peer::Exchange& exchange = end.exchange;
  switch (message.id) {
    case MessageId::kChoke:
      node.note_all_released(end);
      if (exchange.on_choke()) tell_all(node);
      return;
    case MessageId::kUnChoke: return exchange.on_unchoke();
    case MessageId::kInterested:
      end.waits_since = queue_.now();
      if (exchange.on_interested(queue_.now())) share_free_slots(node);
      return;
    case MessageId::kUnInterested:
      end.waits_since.reset();
      end.serves = false;
      if (exchange.on_uninterested()) share_free_slots(node);
      return;
    case MessageId::kHave:
      end.known.set(message.piece);
      end.offers.erase(message.piece);
      if (end.promised) end.promised->set(message.piece);
      return exchange.on_have(message.piece);
    case MessageId::kRequest:
      if (end.serves) end.offers.erase(message.piece);
      if (end.serves && end.promised) end.promised->set(message.piece);
      return exchange.on_request(message.piece);
    case MessageId::kPiece: return on_piece(end, message);
    case MessageId::kCancel: return exchange.on_cancel(message.piece);
    case MessageId::kSuggest: return exchange.on_suggest(message.piece);
    case MessageId::kBitfield:
    case MessageId::kServerClose: return;
  }
}

void SwarmModel::on_piece(End& end, const Message& message) {
  Node& node = end.self;
  end.exchange.expect_piece(message.piece);
  if (!message.good) return on_bad_piece(end, message.piece);
  const bool first = node.left->begin_storing(message.piece);
  must(first == !node.left->is_held(message.piece), "the first to bring a piece stores it");
  if (first) must(node.left->complete(message.piece), "a piece is completed once");
  node.note_released(end, message.piece);
  end.exchange.on_good_piece(message.piece, queue_.now());
  tell(end);
  ++(first ? stats_.pieces : stats_.late_pieces);
  if (!first) return;
  end.received += layout_.length(message.piece);
  stored(node, message.piece);
}

void SwarmModel::on_bad_piece(End& end, PieceIndex piece) {
  Node& node = end.self;
  ++stats_.bad_pieces;
  node.note_released(end, piece);
  const bool newly = end.sent_badly.insert(piece).second;
  must(newly || end.sent_badly.size() == 1, "who has sent two wrong pieces is not asked again");
  const bool too_many = end.exchange.on_bad_piece(piece, queue_.now());
  tell(end);
  tell_all(node);
  if (!too_many) return;
  const Node& liar = end.link.other(end).self;
  must(liar.bad_share > 0, "only who lies is banned");
  const bool dialled = &end == &end.link.dialler;
  const std::string name = dialled ? std::to_string(liar.endpoint.port) : liar.peer_id;
  node.bans->ban(liar.endpoint.address, name, queue_.now());
  node.banned_until[{liar.endpoint.address, name}] = queue_.now() + peer::kBanTime;
  ++stats_.bans;
  finish(end.link, Outcome::kBanned);
}

void SwarmModel::stored(Node& node, PieceIndex piece) {
  last_progress_ = std::max(last_progress_, queue_.now());
  for (End* end : node.ends) {
    end->exchange.on_piece_held(piece);
    if (end->begun && !end->promised && node.left->all_held()) end->promised = end->known;
    tell(*end);
  }
}

// ---- Upload slots ----

// True when somebody waits in vain.
bool SwarmModel::share_slots(Node& node, ChokeRound round) {
  std::vector<End*> interested;
  std::vector<peer::ChokePeer> peers;
  for (End* end : node.ends) {
    auto peer = end->exchange.wants_slot();
    if (!peer) continue;
    if (round == ChokeRound::kRotate) {
      const auto before = std::exchange(end->received_before, end->received);
      end->received_lately = end->received_lately / 2 + (end->received - before);
    }
    peer->received = end->received_lately;
    peers.push_back(*peer);
    interested.push_back(end);
  }
  const bool seeding = node.left->all_held();
  const auto chosen = peer::choose_unchoked(peers, slots_, round, seeding, queue_.now());
  for (const bool serve : {false, true}) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (chosen[i] != serve || peers[i].unchoked == serve) continue;
      must(interested[i]->exchange.serve(serve, queue_.now()), "who wants a slot can be served");
      tell(*interested[i]);
    }
  }
  return peers.size() > slots_;
}

void SwarmModel::share_free_slots(Node& node) {
  if (!share_slots(node, ChokeRound::kFill)) {
    node.next_rotation = kNoDeadline;
  } else if (node.next_rotation == kNoDeadline) {
    plan_rotation(node);
  }
}

void SwarmModel::tend(Node& node, int run) {
  if (node.run != run || queue_.now() != node.next_rotation) return;
  node.next_rotation = kNoDeadline;
  if (share_slots(node, ChokeRound::kRotate)) plan_rotation(node);
  check(node);
}

void SwarmModel::plan_rotation(Node& node) {
  node.next_rotation = queue_.now() + peer::kRotateEvery;
  queue_.at(node.next_rotation, [this, &node, run = node.run] { tend(node, run); });
}

// ---- Faults and checks ----

void SwarmModel::fault() {
  ++stats_.faults;
  if (draw_.one_in(4)) return stop(*nodes_[draw_.below(nodes_.size())], draw_.one_in(2));
  if (links_.empty()) return;
  const LinkPtr link =
      *std::next(links_.begin(), static_cast<std::ptrdiff_t>(draw_.below(links_.size())));
  End& end = draw_.one_in(2) ? link->dialler : link->acceptor;
  switch (draw_.below(3)) {
    case 0: return finish(*link, Outcome::kLost);
    case 1: return end.begun ? close(link, end) : finish(*link, Outcome::kSilent);
    default: end.line_free = std::max(end.line_free, queue_.now()) + seconds(draw_.below(90));
  }
}

bool SwarmModel::is_done() const {
  return queue_.now() >= calm_at_ &&
         std::ranges::all_of(nodes_, [](const auto& node) { return node->left->all_held(); });
}

void SwarmModel::check(Node& node) {
  node.check_slots(slots_, queue_.now(), kSlotTurn * (nodes_.size() + 1));
  if (stats_.events % kCheckPiecesEvery == 0) node.check_pieces(queue_.now());
}

void SwarmModel::check_end() {
  for (const auto& node : nodes_) {
    node->check_pieces(queue_.now());
    for (const auto& [who, until] : node->banned_until) {
      must(node->bans->is_banned(who.first, who.second, until - milliseconds(1)) &&
               !node->bans->is_banned(who.first, who.second, until),
           "a ban ends when it should");
    }
  }
  while (!links_.empty()) finish(*links_.front(), Outcome::kStopped);
  for (const auto& node : nodes_) {
    node->check_pieces(queue_.now());
    must(node->left->none_left() && node->left->unavailable() == 0, "everybody has everything");
  }
}

SwarmStats SwarmModel::run() {
  while (!is_done()) {
    must(queue_.run_next(), "something will happen as long as not everybody has everything");
    must(++stats_.events < kMostEvents, "a swarm comes to rest");
    must(queue_.now() - std::max(last_progress_, calm_at_) < kStuckAfter, "somebody gets on");
  }
  check_end();
  return stats_;
}

}  // namespace

SwarmStats& SwarmStats::operator+=(const SwarmStats& other) {
  events += other.events;
  pieces += other.pieces;
  bad_pieces += other.bad_pieces;
  late_pieces += other.late_pieces;
  endgame_claims += other.endgame_claims;
  cancels += other.cancels;
  offers += other.offers;
  chokes += other.chokes;
  bans += other.bans;
  parallel += other.parallel;
  faults += other.faults;
  return *this;
}

std::string to_text(const SwarmStats& stats) {
  return format_fields({{"events", stats.events},
                        {"pieces", stats.pieces},
                        {"bad", stats.bad_pieces},
                        {"late", stats.late_pieces},
                        {"endgame_claims", stats.endgame_claims},
                        {"cancels", stats.cancels},
                        {"offers", stats.offers},
                        {"chokes", stats.chokes},
                        {"bans", stats.bans},
                        {"parallel", stats.parallel},
                        {"faults", stats.faults}});
}

SwarmStats run_swarm(std::uint64_t seed) {
  return SwarmModel(seed).run();
}

}  // namespace piecework::model
