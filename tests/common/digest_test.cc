#include "common/digest.h"

#include <doctest/doctest.h>

#include <string_view>
#include <thread>
#include <vector>

namespace piecework {
namespace {

constexpr std::string_view kSha256OfHello =
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
constexpr std::string_view kSha1OfHello = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST_SUITE("digest") {
  TEST_CASE("both kinds give the published digests") {
    CHECK(digest_of(HashKind::kSha256, bytes_of("hello")).to_hex() == kSha256OfHello);
    CHECK(digest_of(HashKind::kSha1, bytes_of("hello")).to_hex() == kSha1OfHello);
    CHECK(digest_of(HashKind::kSha1, {}).to_hex() == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    CHECK(digest_of(HashKind::kSha256, bytes_of("hello")).raw().size() == 32);
    CHECK(digest_of(HashKind::kSha1, bytes_of("hello")).raw().size() == 20);
  }

  TEST_CASE("a hasher takes its input in parts and begins anew after each digest") {
    Hasher hasher(HashKind::kSha256);
    for (int round = 0; round < 2; ++round) {
      hasher.update(bytes_of("he"));
      hasher.update({});
      hasher.update(bytes_of("llo"));
      CHECK(hasher.finish().to_hex() == kSha256OfHello);
    }
    Hasher moved = std::move(hasher);
    moved.update(bytes_of("hello"));
    CHECK(moved.finish().to_hex() == kSha256OfHello);
  }

  TEST_CASE("hexadecimal text of either length is read, and nothing else") {
    CHECK(Digest::parse_hex(kSha256OfHello) == digest_of(HashKind::kSha256, bytes_of("hello")));
    CHECK(Digest::parse_hex(kSha1OfHello) == digest_of(HashKind::kSha1, bytes_of("hello")));
    CHECK(Digest::parse_hex("AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D")->to_hex() == kSha1OfHello);
    CHECK(!Digest::parse_hex(""));
    CHECK(!Digest::parse_hex(kSha1OfHello.substr(1)));
    CHECK(!Digest::parse_hex(kSha256OfHello.substr(0, 50)));
    CHECK(!Digest::parse_hex("gaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"));
    CHECK(!Digest::parse_hex("b'\\xaa\\xf4\\xc6\\x1d\\xdc\\xc5\\xe8\\xa2\\xda\\xbe'"));
  }

  TEST_CASE("digests of different kinds or content differ") {
    const Digest sha256 = digest_of(HashKind::kSha256, {});
    CHECK(sha256 != digest_of(HashKind::kSha1, {}));
    CHECK(sha256 != digest_of(HashKind::kSha256, bytes_of("a")));
    CHECK(Digest(HashKind::kSha256, sha256.raw()) == sha256);
  }

  TEST_CASE("many threads hash at once, each with a hasher of its own") {
    std::vector<std::string> results(8);
    {
      std::vector<std::jthread> threads;
      for (std::string& result : results) {
        threads.emplace_back([&result] {
          for (int i = 0; i < 100; ++i) {
            result = digest_of(HashKind::kSha256, bytes_of("hello")).to_hex();
          }
        });
      }
    }
    for (const std::string& result : results) CHECK(result == kSha256OfHello);
  }
}

}  // namespace
}  // namespace piecework
