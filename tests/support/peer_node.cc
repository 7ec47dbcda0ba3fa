#include "tests/support/peer_node.h"

#include <exception>

#include "peer/handshake.h"
#include "tests/support/eventually.h"
#include "tests/support/pieces.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {

PeerNode::PeerNode(const SampleTorrent& sample, std::string_view held, const PeerId& peer_id,
                   Fetch fetch)
    : sample_(sample),
      downloads_(directory_.path(), {}),
      store_(downloads_, sample.torrent, 0),
      identity_{peer_id, 5555} {
  store_.open(std::nullopt);
  for (PieceIndex piece; piece.value() < held.size(); ++piece) {
    if (held[piece.value()] == '1') store_.write_piece(piece, bytes_of(sample.piece(piece)));
  }
  Swarm::Events events{.admits = [this](const IpAddress&) { return admits_.load(); },
                       .all_held = [this] { ++all_held_; },
                       .storage_failed = [this](const std::string&) { ++storage_failed_; },
                       .must_tend = [this] { ++must_tend_; }};
  constexpr std::uint64_t kSeed = 1;
  swarm_ = std::make_unique<Swarm>(sample.torrent, identity_, store_, bans_, torrent_bandwidth_,
                                   pieces(held), fetch == Fetch::kYes, kSeed, std::move(events));
}

int PeerNode::file() {
  int file = -1;
  store_.for_each_part(PieceIndex(), 0, 1,
                       [&](int fd, std::uint64_t, std::uint64_t) { file = fd; });
  return file;
}

Talk::Talk(PeerNode& node, Stream stream, Side side, const Endpoint& remote)
    : stream_(std::move(stream)) {
  if (side == Side::kDialled) {
    connection_ = std::make_shared<PeerConnection>(node.swarm(), stream_, remote, std::nullopt);
  }
  thread_ = std::thread([this, &node, side, remote] { run(node, side, remote); });
}

Talk::~Talk() {
  if (!thread_.joinable()) return;
  stream_.shutdown();
  thread_.join();
}

Outcome Talk::outcome() {
  if (!thread_.joinable()) return outcome_;
  if (!eventually([this] { return over_.load(); })) stream_.shutdown();
  thread_.join();
  return outcome_;
}

void Talk::run(PeerNode& node, Side side, const Endpoint& remote) {
  talk(node, side, remote);
  stream_.shutdown();
  over_ = true;
}

void Talk::talk(PeerNode& node, Side side, const Endpoint& remote) {
  if (side == Side::kAccepted) {
    std::optional<FirstFrame> first;
    try {
      first = recv_first_frame(stream_, node.sample().torrent.layout.count(), soon());
    } catch (const std::exception&) {  // as if it had not come
    }
    if (!first) return;
    connection_ =
        std::make_shared<PeerConnection>(node.swarm(), stream_, remote, std::move(*first));
  }
  outcome_ = connection_->run([this](const Endpoint& peer) { met_ = peer; });
}

}  // namespace piecework::peer
