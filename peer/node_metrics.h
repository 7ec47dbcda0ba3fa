// What peerd's metrics file says; its families stand in README.
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/clock.h"
#include "peer/peer_server.h"

namespace piecework::peer {

// So many torrents have families of their own; the others count in the sums only. Those with an
// error come first, then downloads, then what is not just served; each kind by info_hash, so that
// it is the same ones each time.
inline constexpr std::size_t kMaxTorrentsInMetrics = 100;

struct NodeFigures {
  std::uint16_t port = 0;                     // on which it listens
  seconds started{0};                         // since 1970
  std::optional<seconds> certificate_expiry;  // likewise; nothing without TLS
  std::size_t connections = 0;
  std::uint64_t denied = 0;  // connections, since the start
  PeerServer::Snapshot snapshot;
};

// Text as of MetricsText.
std::string format_node_metrics(const NodeFigures& figures);

}  // namespace piecework::peer
