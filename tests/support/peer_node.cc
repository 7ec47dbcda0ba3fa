#include "tests/support/peer_node.h"

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
  Swarm::Events events{.all_held = [this] { ++all_held_; },
                       .storage_failed = [this](const std::string&) { ++storage_failed_; }};
  constexpr std::uint64_t kSeed = 1;
  swarm_ = std::make_unique<Swarm>(sample.torrent, identity_, store_, bans_, pieces(held),
                                   fetch == Fetch::kYes, kSeed, std::move(events));
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
  if (thread_.joinable()) thread_.join();
  return outcome_;
}

void Talk::run(PeerNode& node, Side side, const Endpoint& remote) {
  if (side == Side::kAccepted) {
    auto first = recv_first_frame(stream_, node.sample().torrent.layout.count(), soon());
    if (!first) return;
    connection_ =
        std::make_shared<PeerConnection>(node.swarm(), stream_, remote, std::move(*first));
  }
  outcome_ = connection_->run([this](const Endpoint& peer) { met_ = peer; });
  stream_.shutdown();
}

}  // namespace piecework::peer
