#include "peer/service_status.h"

#include <doctest/doctest.h>

namespace piecework::peer {
namespace {

void add(std::vector<DownloadStatus>& torrents, std::size_t count, DownloadState state,
         std::uint64_t bytes = 0, std::uint64_t length = 0) {
  DownloadStatus torrent;
  torrent.state = state;
  torrent.bytes = bytes;
  torrent.length = length;
  torrents.insert(torrents.end(), count, torrent);
}

TEST_SUITE("service_status") {
  TEST_CASE("how far the checking is comes first, then the states that there are") {
    std::vector<DownloadStatus> torrents;
    CHECK(service_status(torrents) == "No torrents");
    add(torrents, 2, DownloadState::kSeeding);
    CHECK(service_status(torrents) == "Seeding 2");
    add(torrents, 100, DownloadState::kDownloading, 5, 10);
    add(torrents, 9878, DownloadState::kSeeding, 10, 10);
    add(torrents, 1, DownloadState::kError);
    CHECK(service_status(torrents) == "Downloading 100, seeding 9880, error 1");
    add(torrents, 2, DownloadState::kChecking, 0, 100);
    add(torrents, 1, DownloadState::kChecking, 50, 100);
    CHECK(service_status(torrents) ==
          "Checking 3 of 9984 torrents, 16%; downloading 100, seeding 9880, error 1");
  }

  TEST_CASE("the percentage is one, whatever the lengths are") {
    std::vector<DownloadStatus> torrents;
    add(torrents, 1, DownloadState::kChecking);
    CHECK(service_status(torrents) == "Checking 1 of 1 torrent, 0%");
    torrents.clear();
    add(torrents, 3, DownloadState::kChecking, UINT64_MAX, UINT64_MAX);
    CHECK(service_status(torrents) == "Checking 3 of 3 torrents, 100%");
  }
}

}  // namespace
}  // namespace piecework::peer
