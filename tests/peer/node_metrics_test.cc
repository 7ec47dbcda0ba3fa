#include "peer/node_metrics.h"

#include <doctest/doctest.h>

#include <string>

namespace piecework::peer {
namespace {

DownloadStatus torrent(int number, DownloadState state) {
  std::string hex = std::to_string(number);
  hex.insert(0, 8 - hex.size(), '0');
  DownloadStatus status;
  status.info_hash = *InfoHash::parse_hex(hex + std::string(56, 'a'));
  status.name = "n" + std::to_string(number);
  status.state = state;
  status.length = 1000;
  status.bytes = 400;
  status.received = 5'000'000'000;
  status.wasted = 7;
  status.sent = 30;
  status.peers = 3;
  return status;
}

NodeFigures figures(std::vector<DownloadStatus> torrents) {
  return {.port = 5555,
          .started = seconds(1'700'000'000),
          .certificate_expiry = seconds(1'800'000'000),
          .connections = 9,
          .denied = 8,
          .snapshot = {.torrents = std::move(torrents),
                       .departed = {.received = 100, .wasted = 1, .sent = 10}}};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

TEST_SUITE("node_metrics") {
  TEST_CASE("the daemon and the sums, with what removed torrents have moved") {
    const std::string text = format_node_metrics(
        figures({torrent(1, DownloadState::kDownloading), torrent(2, DownloadState::kSeeding)}));
    for (const char* line : {
             "# TYPE piecework_peer_received_bytes_total counter",
             "# TYPE piecework_peer_held_bytes gauge",
             "piecework_peer_start_time_seconds{port=\"5555\"} 1700000000",
             "piecework_peer_certificate_expiry_timestamp_seconds{port=\"5555\"} 1800000000",
             "piecework_peer_connections{port=\"5555\"} 9",
             "piecework_peer_denied_total{port=\"5555\"} 8",
             "piecework_peer_torrents{port=\"5555\",state=\"checking\"} 0",
             "piecework_peer_torrents{port=\"5555\",state=\"downloading\"} 1",
             "piecework_peer_torrents{port=\"5555\",state=\"error\"} 0",
             "piecework_peer_torrents{port=\"5555\",state=\"finished\"} 0",
             "piecework_peer_torrents{port=\"5555\",state=\"removed\"} 0",
             "piecework_peer_torrents{port=\"5555\",state=\"seeding\"} 1",
             "piecework_peer_torrents_unlisted{port=\"5555\"} 0",
             "piecework_peer_size_bytes{port=\"5555\"} 2000",
             "piecework_peer_held_bytes{port=\"5555\"} 800",
             "piecework_peer_received_bytes_total{port=\"5555\"} 10000000100",
             "piecework_peer_wasted_bytes_total{port=\"5555\"} 15",
             "piecework_peer_sent_bytes_total{port=\"5555\"} 70",
         }) {
      CAPTURE(line);
      CHECK(has_line(text, line));
    }
    CHECK(text.find("piecework_peer_build_info{port=\"5555\",version=\"") != std::string::npos);
  }

  TEST_CASE("each torrent by hash and name, escaped") {
    DownloadStatus status = torrent(1, DownloadState::kDownloading);
    status.name = "a \"b\\c\".mp4";
    const std::string text = format_node_metrics(figures({status}));
    const std::string labels = "{port=\"5555\",hash=\"00000001\",name=\"a \\\"b\\\\c\\\".mp4\"";
    for (const std::string& line : {
             "piecework_peer_torrent_size_bytes" + labels + "} 1000",
             "piecework_peer_torrent_held_bytes" + labels + "} 400",
             "piecework_peer_torrent_peers" + labels + "} 3",
             "piecework_peer_torrent_received_bytes_total" + labels + "} 5000000000",
             "piecework_peer_torrent_wasted_bytes_total" + labels + "} 7",
             "piecework_peer_torrent_sent_bytes_total" + labels + "} 30",
             "piecework_peer_torrent_state" + labels + ",state=\"downloading\"} 1",
         }) {
      CAPTURE(line);
      CHECK(has_line(text, line));
    }
  }

  TEST_CASE("without torrents there are no families of them") {
    const std::string text = format_node_metrics(figures({}));
    CHECK(text.find("piecework_peer_torrent_") == std::string::npos);
    CHECK(has_line(text, "piecework_peer_sent_bytes_total{port=\"5555\"} 10"));
  }

  TEST_CASE("of many torrents the most urgent are listed, and all are counted") {
    std::vector<DownloadStatus> torrents;
    for (int i = 0; i < 10'000; ++i) torrents.push_back(torrent(i, DownloadState::kSeeding));
    torrents[9000].state = DownloadState::kError;
    torrents[8000].state = DownloadState::kDownloading;
    torrents[7000].state = DownloadState::kChecking;
    const std::string text = format_node_metrics(figures(torrents));
    CHECK(count(text, "\npiecework_peer_torrent_size_bytes{") == kMaxTorrentsInMetrics);
    CHECK(has_line(text, "piecework_peer_torrents_unlisted{port=\"5555\"} 9900"));
    CHECK(has_line(text, "piecework_peer_torrents{port=\"5555\",state=\"seeding\"} 9997"));
    CHECK(has_line(text, "piecework_peer_size_bytes{port=\"5555\"} 10000000"));
    for (const char* listed : {"n9000", "n8000", "n7000", "n0", "n96"}) {
      CAPTURE(listed);
      CHECK(text.find("name=\"" + std::string(listed) + "\"") != std::string::npos);
    }
    CHECK(text.find("name=\"n97\"") == std::string::npos);
    CHECK(text.size() < 200'000);
  }
}

}  // namespace
}  // namespace piecework::peer
