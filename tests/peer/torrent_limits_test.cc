#include "peer/torrent_limits.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/sample_torrent.h"

namespace piecework::peer {
namespace {

TEST_SUITE("torrent_limits") {
  TEST_CASE("a limit is for a file name, or for who has an info_hash that begins so") {
    const Torrent torrent = sample_torrent(100, 10).torrent;
    const std::string hex = torrent.info_hash.to_hex();
    std::string upper = hex;
    for (char& c : upper) c = static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
    std::string other = hex.substr(0, 12);
    other.back() = other.back() == '0' ? '1' : '0';
    const struct {
      std::string named;
      bool fits;
    } kCases[] = {
        {torrent.file_name, true},
        {hex, true},
        {hex.substr(0, 8), true},
        {upper, true},
        {hex.substr(0, 7), false},
        {hex + "0", false},
        {other, false},
        {hex.substr(1), false},
        {torrent.file_name + "x", false},
        {"", false},
        {torrent.file_name.substr(1), false},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.named);
      const std::vector<TorrentLimit> limits{{c.named, {.upload = 1, .download = 2}}};
      const auto rates = rates_for(limits, torrent.file_name, torrent.info_hash);
      CHECK(rates.upload == (c.fits ? 1 : 0));
      CHECK(rates.download == (c.fits ? 2 : 0));
    }
  }

  TEST_CASE("the first that fits counts, and a name that looks like digits is a name") {
    const InfoHash info_hash = sample_torrent(100, 10).torrent.info_hash;
    const std::string digits = info_hash.to_hex().substr(0, 8);
    const std::vector<TorrentLimit> limits{
        {"other", {.upload = 1}}, {digits, {.upload = 2}}, {"name", {.upload = 3}}};
    CHECK(rates_for(limits, "name", info_hash).upload == 2);
    CHECK(rates_for(limits, "other", info_hash).upload == 1);
    CHECK(rates_for({}, "name", info_hash) == TorrentBandwidth::Rates{});
    CHECK(fits_by_hash(limits[1], "name", info_hash));
    CHECK_FALSE(fits_by_hash(limits[1], digits, info_hash));
    CHECK_FALSE(fits_by_hash(limits[2], "name", info_hash));
  }
}

}  // namespace
}  // namespace piecework::peer
