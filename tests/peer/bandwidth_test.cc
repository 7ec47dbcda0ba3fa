#include "peer/bandwidth.h"

#include <doctest/doctest.h>

namespace piecework::peer {
namespace {

TEST_SUITE("bandwidth") {
  TEST_CASE("without an upload limit the slots are those that were set") {
    Bandwidth bandwidth({.upload_slots = 7});
    CHECK(bandwidth.upload_slots() == 7);
    bandwidth.torrent_wanted();
    bandwidth.torrent_wanted();
    CHECK(bandwidth.upload_slots() == 7);
    CHECK(Bandwidth({}).upload_slots() == kDefaultUploadSlots);
  }

  TEST_CASE("an upload limit leaves fewer slots, and several torrents share them") {
    Bandwidth bandwidth({.upload_limit = 64 << 10});
    CHECK(bandwidth.upload_slots() == 4);
    bandwidth.torrent_wanted();
    CHECK(bandwidth.upload_slots() == 4);
    bandwidth.torrent_wanted();
    CHECK(bandwidth.upload_slots() == 2);
    for (int i = 0; i < 10; ++i) bandwidth.torrent_wanted();
    CHECK(bandwidth.upload_slots() == 1);
    for (int i = 0; i < 11; ++i) bandwidth.torrent_unwanted();
    CHECK(bandwidth.upload_slots() == 4);
    CHECK(Bandwidth({.upload_limit = 1}).upload_slots() == 1);
    CHECK(Bandwidth({.upload_slots = 5, .upload_limit = 1 << 30}).upload_slots() == 5);
  }

  TEST_CASE("settings can be changed") {
    Bandwidth bandwidth({});
    bandwidth.set({.upload_slots = 3, .upload_limit = 1 << 20, .download_limit = 2 << 20});
    CHECK(bandwidth.upload_slots() == 3);
    CHECK(bandwidth.upload().rate() == 1 << 20);
    CHECK(bandwidth.download().rate() == 2 << 20);
  }
}

}  // namespace
}  // namespace piecework::peer
