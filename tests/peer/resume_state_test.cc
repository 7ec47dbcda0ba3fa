#include "peer/resume_state.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>
#include <string>

#include "tests/support/json_members.h"
#include "tests/support/pieces.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

ResumeState some_state(const Bitfield& verified) {
  return {.files = {{.length = 5'000'000'000,
                     .inode = 77,
                     .birth_ns = -5,
                     .mtime_ns = 1'234'567'890'123'456'789}},
          .complete = false,
          .clean = true,
          .verified = verified,
          .seeding = {.fetched = true,
                      .uploaded = 6'000'000'000,
                      .seeded = milliseconds(1'234'567),
                      .completed_at = seconds(1'700'000'000),
                      .removed = true}};
}

// A good state file of a torrent of 10 pieces with `key` changed to `value`, or without it.
std::string state_text(const Torrent& torrent, std::string_view key, std::string_view value) {
  return json_with({{"version", "1"},
                    {"info_hash", '"' + torrent.info_hash.to_hex() + '"'},
                    {"name", "\"sample.bin\""},
                    {"length", "100"},
                    {"inode", "7"},
                    {"birth_ns", "12345"},
                    {"mtime_ns", "12345"},
                    {"complete", "false"},
                    {"clean", "true"},
                    {"verified", "\"80c0\""}},
                   key, value);
}

TEST_SUITE("resume_state") {
  TEST_CASE("what is saved is loaded again, for any number of pieces") {
    const TempDir directory;
    std::mt19937 random(1);
    for (std::uint32_t count = 0; count < 40; ++count) {
      const SampleTorrent sample = sample_torrent(count * 10, 10);
      Bitfield verified(count);
      for (PieceIndex piece; piece.value() < count; ++piece) {
        if (random() % 2 == 0) verified.set(piece);
      }
      ResumeState state = some_state(verified);
      state.complete = count % 2 == 0;
      state.clean = count % 3 == 0;
      save_resume_state(directory.path(), sample.torrent, state);
      const auto loaded = load_resume_state(directory.path(), sample.torrent);
      REQUIRE(loaded);
      CHECK(loaded->files == state.files);
      CHECK(loaded->complete == state.complete);
      CHECK(loaded->clean == state.clean);
      CHECK(loaded->verified == verified);
      CHECK(loaded->seeding == state.seeding);
    }
  }

  TEST_CASE(
      "of a directory every file is remembered, but one that is not as long as it should be") {
    const TempDir directory;
    const Torrent tree = sample_tree({{"a", 15}, {"b/c", 0}, {"b/d", 10}}, 10).torrent;
    ResumeState state = some_state(pieces("101"));
    state.files = {{15, 1, -2, 3}, {0, UINT64_MAX, 5, 6}, {9, 7, 8, 9}};
    save_resume_state(directory.path(), tree, state);
    const auto loaded = load_resume_state(directory.path(), tree);
    REQUIRE(loaded);
    state.files[2] = {};
    CHECK(loaded->files == state.files);
    CHECK(to_text(loaded->verified) == "101");

    const std::string name = tree.info_hash.to_hex() + ".json";
    const std::string text = directory.read(name);
    const std::size_t marks = text.find("\"marks\":\"") + 9;
    for (const std::string& bad :
         {text.substr(0, marks) + text.substr(marks + 2), std::string(text).insert(marks, "00"),
          std::string(text).replace(marks, 1, "g"),
          std::string(text).replace(marks - 8, 5, "narks")}) {
      directory.write(name, bad);
      CHECK_FALSE(load_resume_state(directory.path(), tree));
    }
  }

  TEST_CASE("the state of a directory with very many files is loaded again") {
    const TempDir directory;
    std::vector<TreeFile> files(kMaxTreeFiles);
    for (std::size_t i = 0; i < files.size(); ++i) files[i].path = std::to_string(i);
    const Torrent tree = sample_tree(std::move(files), 10).torrent;
    ResumeState state = some_state(Bitfield(0));
    state.files.assign(kMaxTreeFiles, {0, 1, 2, 3});
    save_resume_state(directory.path(), tree, state);
    CHECK(load_resume_state(directory.path(), tree)->files == state.files);
  }

  TEST_CASE("each torrent has a file of its own, for its owner's eyes") {
    const TempDir directory;
    const Torrent torrent = sample_torrent(100, 10).torrent;
    const std::string path = resume_state_path(directory.path(), torrent.info_hash);
    CHECK(path == directory.file(torrent.info_hash.to_hex() + ".json"));
    save_resume_state(directory.path(), torrent, some_state(Bitfield(10)));
    struct stat status;
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    save_resume_state(directory.path(), torrent, some_state(Bitfield(10, true)));
    CHECK(load_resume_state(directory.path(), torrent)->verified.complete());
    CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
    CHECK_FALSE(load_resume_state(directory.path(), sample_torrent(99, 10).torrent));
  }

  TEST_CASE("nothing saved, or no directory, is nothing remembered") {
    const TempDir directory;
    const Torrent torrent = sample_torrent(100, 10).torrent;
    CHECK_FALSE(load_resume_state(directory.path(), torrent));
    CHECK_FALSE(load_resume_state(directory.file("missing"), torrent));
    CHECK_THROWS_AS(save_resume_state(directory.file("missing"), torrent, some_state(Bitfield(10))),
                    std::system_error);
  }

  TEST_CASE("the most significant bit is the first piece") {
    const TempDir directory;
    const Torrent torrent = sample_torrent(100, 10).torrent;
    const std::string name = torrent.info_hash.to_hex() + ".json";
    directory.write(name, state_text(torrent, "", ""));
    CHECK(to_text(load_resume_state(directory.path(), torrent)->verified) == "1000000011");
    CHECK(load_resume_state(directory.path(), torrent)->seeding == SeedRecord{});
    directory.write(name, state_text(torrent, "verified", "\"FFc0\""));
    CHECK(load_resume_state(directory.path(), torrent)->verified.complete());
  }

  TEST_CASE("what cannot be believed is ignored") {
    const TempDir directory;
    const Torrent torrent = sample_torrent(100, 10).torrent;
    const std::string name = torrent.info_hash.to_hex() + ".json";
    const struct {
      std::string key;
      std::string value;
    } kCases[] = {
        {"version", ""},
        {"version", "0"},
        {"version", "2"},
        {"version", "\"1\""},
        {"info_hash", ""},
        {"info_hash", "\"\""},
        {"info_hash", '"' + std::string(64, '0') + '"'},
        {"length", ""},
        {"length", "-1"},
        {"length", "1.5"},
        {"length", "18446744073709551616"},
        {"inode", ""},
        {"inode", "null"},
        {"birth_ns", ""},
        {"birth_ns", "-1"},
        {"mtime_ns", ""},
        {"mtime_ns", "18446744073709551616"},
        {"complete", ""},
        {"complete", "1"},
        {"clean", ""},
        {"clean", "\"true\""},
        {"verified", ""},
        {"verified", "[]"},
        {"verified", "\"\""},
        {"verified", "\"80c\""},
        {"verified", "\"80c00\""},
        {"verified", "\"80c000\""},
        {"verified", "\"80g0\""},
        {"verified", "\"80c0\", \"verified\": \"80c0\""},
        {"verified", "\"80c0\", \"fetched\": 1"},
        {"verified", "\"80c0\", \"removed\": 0"},
        {"verified", "\"80c0\", \"uploaded\": -1"},
        {"verified", "\"80c0\", \"uploaded\": 18446744073709551615"},
        {"verified", "\"80c0\", \"seeded_ms\": 1.5"},
        {"verified", "\"80c0\", \"seeded_ms\": 100000000000001"},
        {"verified", "\"80c0\", \"completed_at_ms\": \"now\""},
    };
    for (const auto& c : kCases) {
      const std::string text = state_text(torrent, c.key, c.value);
      CAPTURE(text);
      directory.write(name, text);
      CHECK_FALSE(load_resume_state(directory.path(), torrent));
    }
    const std::string good = state_text(torrent, "", "");
    for (const std::string& text :
         {std::string(), std::string("{"), std::string("[]"), good + "x", good.substr(0, 50),
          good + std::string(2 << 20, ' '), std::string(1000, '\0')}) {
      directory.write(name, text);
      CHECK_FALSE(load_resume_state(directory.path(), torrent));
    }
    std::filesystem::remove(directory.file(name));
    REQUIRE(::mkfifo(directory.file(name).c_str(), 0600) == 0);
    CHECK_FALSE(load_resume_state(directory.path(), torrent));
  }
}

}  // namespace
}  // namespace piecework::peer
