#include "peer/node_metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <vector>

#include "common/metrics.h"

namespace piecework::peer {
namespace {

using Type = MetricsText::Type;
using Torrents = std::vector<DownloadStatus>;
using Listed = std::vector<const DownloadStatus*>;

int urgency(DownloadState state) {
  switch (state) {
    case DownloadState::kError: return 0;
    case DownloadState::kDownloading: return 1;
    case DownloadState::kSeeding: return 3;
    case DownloadState::kPaused:
    case DownloadState::kFinished:
    case DownloadState::kRemoved: return 4;
    default: return 2;
  }
}

Listed listed(const Torrents& torrents) {
  Listed all;
  for (const DownloadStatus& torrent : torrents) all.push_back(&torrent);
  std::stable_sort(all.begin(), all.end(), [](const DownloadStatus* a, const DownloadStatus* b) {
    return urgency(a->state) < urgency(b->state);
  });
  all.resize(std::min(all.size(), kMaxTorrentsInMetrics));
  return all;
}

void add_states(MetricsText& metrics, const Torrents& torrents) {
  // Those that no torrent is in are there too, so that an alert has something to look at.
  std::map<std::string_view, std::uint64_t> counts;
  for (const DownloadState state : kDownloadStates) counts[download_state_name(state)] = 0;
  for (const DownloadStatus& torrent : torrents) ++counts[download_state_name(torrent.state)];
  metrics.family("piecework_peer_torrents", Type::kGauge, "Torrents, by their state.");
  for (const auto& [state, count] : counts) metrics.sample(count, {{"state", std::string(state)}});
  metrics
      .family("piecework_peer_torrents_unlisted", Type::kGauge,
              "Torrents that have no families of their own here.")
      .sample(torrents.size() - std::min(torrents.size(), kMaxTorrentsInMetrics));
}

void add_sums(MetricsText& metrics, const PeerServer::Snapshot& snapshot) {
  Traffic traffic = snapshot.departed;
  std::uint64_t length = 0;
  std::uint64_t held = 0;
  for (const DownloadStatus& torrent : snapshot.torrents) {
    traffic.add(torrent);
    length += torrent.length;
    held += torrent.held();
  }
  metrics.family("piecework_peer_size_bytes", Type::kGauge, "Size of the files of all torrents.")
      .sample(length);
  metrics.family("piecework_peer_held_bytes", Type::kGauge, "How much of that is here, verified.")
      .sample(held);
  metrics
      .family("piecework_peer_received_bytes_total", Type::kCounter,
              "Bytes of pieces received and kept, of all torrents that were ever there.")
      .sample(traffic.received);
  metrics
      .family("piecework_peer_wasted_bytes_total", Type::kCounter,
              "Bytes of pieces received and thrown away.")
      .sample(traffic.wasted);
  metrics.family("piecework_peer_sent_bytes_total", Type::kCounter, "Bytes of pieces sent.")
      .sample(traffic.sent);
}

// One figure of each torrent.
struct TorrentFamily {
  std::string_view name;
  Type type;
  std::string_view help;
  std::uint64_t (*value)(const DownloadStatus&);
};

constexpr std::array kTorrentFamilies = {
    TorrentFamily{"piecework_peer_torrent_size_bytes", Type::kGauge, "Size of the file.",
                  [](const DownloadStatus& torrent) { return torrent.length; }},
    TorrentFamily{"piecework_peer_torrent_held_bytes", Type::kGauge,
                  "How much of it is here, verified.",
                  [](const DownloadStatus& torrent) { return torrent.held(); }},
    TorrentFamily{"piecework_peer_torrent_peers", Type::kGauge, "Peers connected now.",
                  [](const DownloadStatus& torrent) { return std::uint64_t{torrent.peers}; }},
    TorrentFamily{"piecework_peer_torrent_received_bytes_total", Type::kCounter,
                  "Bytes of pieces received and kept.",
                  [](const DownloadStatus& torrent) { return torrent.received; }},
    TorrentFamily{"piecework_peer_torrent_wasted_bytes_total", Type::kCounter,
                  "Bytes of pieces received and thrown away.",
                  [](const DownloadStatus& torrent) { return torrent.wasted; }},
    TorrentFamily{"piecework_peer_torrent_sent_bytes_total", Type::kCounter,
                  "Bytes of pieces sent.",
                  [](const DownloadStatus& torrent) { return torrent.sent; }},
};

MetricsText::Labels labels_of(const DownloadStatus& torrent) {
  return {{"hash", torrent.info_hash.to_short_hex()}, {"name", torrent.name}};
}

void add_torrents(MetricsText& metrics, const Listed& torrents) {
  if (torrents.empty()) return;
  for (const TorrentFamily& family : kTorrentFamilies) {
    metrics.family(family.name, family.type, family.help);
    for (const DownloadStatus* const torrent : torrents) {
      metrics.sample(family.value(*torrent), labels_of(*torrent));
    }
  }
  metrics.family("piecework_peer_torrent_state", Type::kGauge, "1; in which state a torrent is.");
  for (const DownloadStatus* const torrent : torrents) {
    MetricsText::Labels labels = labels_of(*torrent);
    labels.emplace_back("state", download_state_name(torrent->state));
    metrics.sample(1, labels);
  }
}

}  // namespace

std::string format_node_metrics(const NodeFigures& figures) {
  MetricsText metrics(MetricsText::Labels{{"port", std::to_string(figures.port)}});
  metrics.add({.prefix = "piecework_peer",
               .program = "peerd",
               .started = figures.started,
               .connections = figures.connections,
               .denied = figures.denied,
               .certificate_expiry = figures.certificate_expiry});
  add_states(metrics, figures.snapshot.torrents);
  add_sums(metrics, figures.snapshot);
  add_torrents(metrics, listed(figures.snapshot.torrents));
  return metrics.text();
}

}  // namespace piecework::peer
