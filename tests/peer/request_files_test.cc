#include "peer/request_files.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

const std::string kHex = "ce4dc45d5ea05f7e12bf3c8251131b4464e45ea4bc476bbce9be61932cf10df5";
const InfoHash kHash = *InfoHash::parse_hex(kHex);

TEST_SUITE("request_files") {
  TEST_CASE("a request is a file with a name of its own, there until it is taken") {
    const TempDir dir;
    CHECK_FALSE(is_requested(dir.path(), kHash, Request::kPause));
    place_request(dir.path(), kHash, Request::kPause);
    CHECK(std::filesystem::exists(dir.file(kHex + ".pause")));
    CHECK(is_requested(dir.path(), kHash, Request::kPause));
    CHECK_FALSE(is_requested(dir.path(), kHash, Request::kRecheck));
    place_request(dir.path(), kHash, Request::kPause);
    CHECK(take_request(dir.path(), kHash, Request::kPause));
    CHECK_FALSE(take_request(dir.path(), kHash, Request::kPause));
    CHECK_FALSE(is_requested(dir.path(), kHash, Request::kPause));
    place_request(dir.path(), kHash, Request::kRecheck);
    CHECK(std::filesystem::exists(dir.file(kHex + ".recheck")));
  }

  TEST_CASE("what lies there already is neither followed nor cut off") {
    const TempDir dir;
    dir.write(kHex + ".pause", "why");
    place_request(dir.path(), kHash, Request::kPause);
    CHECK(dir.read(kHex + ".pause") == "why");
    std::filesystem::create_symlink(dir.file("elsewhere"), dir.file(kHex + ".recheck"));
    CHECK(is_requested(dir.path(), kHash, Request::kRecheck));
    CHECK_THROWS_AS(place_request(dir.path(), kHash, Request::kRecheck), std::system_error);
    CHECK_FALSE(std::filesystem::exists(dir.file("elsewhere")));
    CHECK(take_request(dir.path(), kHash, Request::kRecheck));
  }

  TEST_CASE("a directory that is not there, or not to be written to, is named") {
    const TempDir dir;
    const std::string missing = dir.file("missing");
    CHECK_FALSE(is_requested(missing, kHash, Request::kPause));
    CHECK_FALSE(take_request(missing, kHash, Request::kPause));
    CHECK_THROWS_WITH_AS(
        place_request(missing, kHash, Request::kPause),
        ("create " + missing + "/" + kHex + ".pause: No such file or directory").c_str(),
        std::system_error);
    std::filesystem::create_directory(dir.file(kHex + ".recheck"));
    CHECK_THROWS_AS(take_request(dir.path(), kHash, Request::kRecheck), std::system_error);
  }

  TEST_CASE("the name says which torrent is meant, and of other files nothing") {
    CHECK(requested_torrent(kHex + ".pause") == kHash);
    CHECK(requested_torrent(kHex + ".recheck") == kHash);
    for (const std::string& name :
         {std::string(), std::string(".pause"), kHex, kHex + ".json", kHex + ".pause.recheck",
          kHex.substr(1) + ".pause", "0" + kHex + ".recheck", kHex + ".Pause", kHex + ".pause ",
          "g" + kHex.substr(1) + ".pause", "." + kHex + ".pause"}) {
      CAPTURE(name);
      CHECK_FALSE(requested_torrent(name));
    }
  }
}

}  // namespace
}  // namespace piecework::peer
