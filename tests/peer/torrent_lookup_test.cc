#include "peer/torrent_lookup.h"

#include <doctest/doctest.h>

#include <string>

namespace piecework::peer {
namespace {

NamedTorrent torrent(std::string hash_begin, std::string name) {
  hash_begin.resize(64, '0');
  return {*InfoHash::parse_hex(hash_begin), std::move(name)};
}

// The names of what is found, one after the other.
std::string found(std::string_view word) {
  const std::vector<NamedTorrent> all = {torrent("abcd1", "video.mp4"), torrent("abcd2", "image"),
                                         torrent("12345", "abcd1"), torrent("beef", "b\xc3\xa9"),
                                         torrent("abcd2", "image")};
  std::string names;
  for (const NamedTorrent& one : find_torrents(all, word)) {
    names += (names.empty() ? "" : " ") + one.name;
  }
  return names;
}

TEST_SUITE("torrent_lookup") {
  TEST_CASE("a torrent is found by its whole name") {
    CHECK(found("video.mp4") == "video.mp4");
    CHECK(found("b\xc3\xa9") == "b\xc3\xa9");
    CHECK(found("video") == "");
    CHECK(found("Video.mp4") == "");
  }

  TEST_CASE("or by its info_hash or the beginning of that, large or small") {
    CHECK(found("beef" + std::string(60, '0')) == "b\xc3\xa9");
    CHECK(found("beef") == "b\xc3\xa9");
    CHECK(found("BEef") == "b\xc3\xa9");
    CHECK(found("12345") == "abcd1");
    CHECK(found("abcd2") == "image");
  }

  TEST_CASE("a beginning that several have finds all of them, a name goes before it") {
    CHECK(found("abcd") == "video.mp4 image");
    CHECK(found("abcd1") == "abcd1");
  }

  TEST_CASE("what is too short, too long or no hash finds nothing") {
    for (const char* const word : {"", "bee", "beeg", "0000", "be ef", "\xc3\xa9", "../beef"}) {
      CAPTURE(word);
      CHECK(found(word) == "");
    }
    CHECK(found("beef" + std::string(61, '0')) == "");
  }
}

}  // namespace
}  // namespace piecework::peer
