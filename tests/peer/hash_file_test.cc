#include "peer/hash_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <system_error>

#include "common/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

std::string some_data(std::size_t length) {
  std::string data(length, '\0');
  std::uint32_t state = 1;
  for (char& c : data) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return data;
}

UniqueFd open_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(fd.valid());
  return fd;
}

Torrent torrent_of(const std::string& data, std::uint32_t piece_length, HashForm form) {
  Torrent torrent;
  torrent.layout = PieceLayout(data.size(), piece_length);
  torrent.form = form;
  for (PieceIndex piece; piece < torrent.layout.end(); ++piece) {
    const auto bytes = std::as_bytes(std::span(data));
    torrent.piece_digests.push_back(
        digest_of(torrent.hash_kind(),
                  bytes.subspan(torrent.layout.offset(piece), torrent.layout.length(piece))));
  }
  return torrent;
}

TEST_SUITE("hash_file") {
  TEST_CASE("the digests are those of the pieces, with any number of threads") {
    const TempDir directory;
    const std::string data = some_data(1'000'003);
    const UniqueFd fd = open_file(directory.write("data", data));
    for (const HashForm form : {HashForm::kSha256, HashForm::kSha1}) {
      for (const std::uint32_t piece_length : {1000U, 65536U, 300'000U, 1'000'003U, 64U << 20}) {
        const Torrent torrent = torrent_of(data, piece_length, form);
        for (const unsigned threads : {0U, 1U, 2U, 7U}) {
          std::atomic<std::uint64_t> hashed{0};
          HashOptions options{.threads = threads,
                              .cancelled = nullptr,
                              .on_progress = [&](std::uint64_t bytes) { hashed += bytes; }};
          const auto digests =
              hash_pieces(reader_of(fd.get()), torrent.layout, torrent.hash_kind(), options);
          CHECK(digests == torrent.piece_digests);
          CHECK(hashed == data.size());
          CHECK(verify_pieces(reader_of(fd.get()), torrent, options)->complete());
        }
      }
    }
  }

  TEST_CASE("an empty file has no digests and is complete") {
    const TempDir directory;
    const UniqueFd fd = open_file(directory.write("data", ""));
    const Torrent torrent = torrent_of("", 5, HashForm::kSha256);
    CHECK(hash_pieces(reader_of(fd.get()), torrent.layout, HashKind::kSha256, {})->empty());
    CHECK(verify_pieces(reader_of(fd.get()), torrent, {})->complete());
  }

  TEST_CASE("a changed byte makes its piece bad and no other") {
    const TempDir directory;
    std::string data = some_data(10'000);
    const Torrent torrent = torrent_of(data, 1000, HashForm::kSha1);
    data[3999] ^= 1;
    const UniqueFd fd = open_file(directory.write("data", data));
    const auto held = verify_pieces(reader_of(fd.get()), torrent, {});
    CHECK(held->held() == 9);
    CHECK(!held->has(PieceIndex(3)));
  }

  TEST_CASE("a file that is too short holds the pieces before its end") {
    const TempDir directory;
    const std::string data = some_data(10'000);
    const Torrent torrent = torrent_of(data, 1000, HashForm::kSha256);
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{1}, std::size_t{3500}, std::size_t{9999}}) {
      const UniqueFd fd = open_file(directory.write("data", data.substr(0, length)));
      std::atomic<std::uint64_t> hashed{0};
      HashOptions options;
      options.on_progress = [&](std::uint64_t bytes) { hashed += bytes; };
      const auto held = verify_pieces(reader_of(fd.get()), torrent, options);
      CHECK(held->held() == length / 1000);
      CHECK(hashed == data.size());
      // Who wants to know is told which of them are not there.
      hashed = 0;
      std::atomic<std::uint64_t> missing{0};
      options.on_missing = [&](std::uint64_t bytes) { missing += bytes; };
      CHECK(verify_pieces(reader_of(fd.get()), torrent, options) == held);
      CHECK(hashed == length);
      CHECK(missing == data.size() - length);
      CHECK_THROWS_AS(hash_pieces(reader_of(fd.get()), torrent.layout, HashKind::kSha256, {}),
                      std::system_error);
    }
  }

  TEST_CASE("only the pieces asked for are read") {
    const TempDir directory;
    const std::string data = some_data(10'000);
    const Torrent torrent = torrent_of(data, 1000, HashForm::kSha256);
    const UniqueFd fd = open_file(directory.write("data", data));
    Bitfield which(10);
    which.set(PieceIndex(2));
    which.set(PieceIndex(9));
    std::atomic<std::uint64_t> hashed{0};
    HashOptions options;
    options.on_progress = [&](std::uint64_t bytes) { hashed += bytes; };
    CHECK(verify_pieces(reader_of(fd.get()), torrent, which, options) == which);
    CHECK(hashed == 2000);
    CHECK(verify_pieces(reader_of(fd.get()), torrent, Bitfield(10), options)->held() == 0);
  }

  TEST_CASE("a read error reaches the caller") {
    const TempDir directory;
    const UniqueFd fd(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY));
    const Torrent torrent = torrent_of(some_data(10'000), 1000, HashForm::kSha256);
    CHECK_THROWS_AS(verify_pieces(reader_of(fd.get()), torrent, {}), std::system_error);
    CHECK_THROWS_AS(hash_pieces(reader_of(-1), torrent.layout, HashKind::kSha256, {}),
                    std::system_error);
  }

  TEST_CASE("a cancelled run gives nothing") {
    const TempDir directory;
    const std::string data = some_data(1'000'000);
    const Torrent torrent = torrent_of(data, 1000, HashForm::kSha256);
    const UniqueFd fd = open_file(directory.write("data", data));
    std::atomic<bool> cancelled{false};
    HashOptions options{.threads = 4, .cancelled = &cancelled, .on_progress = [&](std::uint64_t) {
                          cancelled = true;
                        }};
    CHECK(!verify_pieces(reader_of(fd.get()), torrent, options));
    CHECK(!hash_pieces(reader_of(fd.get()), torrent.layout, HashKind::kSha256, options));
  }
}

}  // namespace
}  // namespace piecework::peer
