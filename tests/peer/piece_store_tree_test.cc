// PieceStore, where the torrent is a directory's.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "peer/hash_file.h"
#include "tests/support/pieces.h"
#include "tests/support/socket_pair.h"
#include "tests/support/store_rig.h"

namespace piecework::peer {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kPieceLength = 64 << 10;

// Six pieces: 0 and 1 in "a" and "sub/b", 2 to 4 in "sub/b" and "sub/deep/c", 5 short, in the last.
struct Rig : StoreRig {
  explicit Rig(std::vector<TreeFile> files = {{"a", kPieceLength + 100},
                                              {"empty", 0},
                                              {"sub/b", 2 * kPieceLength, true},
                                              {"sub/deep/c", 2 * kPieceLength + 5}})
      : StoreRig(sample_tree(std::move(files), kPieceLength)) {}

  // Puts the whole tree there under `name`.
  void put(const std::string& name) const {
    for (std::uint32_t i = 0; i < sample.torrent.files.size(); ++i) {
      const std::string path = name + "/" + sample.torrent.files[i].path;
      fs::create_directories(fs::path(temp.file(path)).parent_path());
      temp.write(path, sample.file(i));
    }
  }
  bool holds_all(const std::string& name) const {
    for (std::uint32_t i = 0; i < sample.torrent.files.size(); ++i) {
      const std::string path = name + "/" + sample.torrent.files[i].path;
      if (!fs::is_regular_file(temp.file(path)) || temp.read(path) != sample.file(i)) return false;
    }
    return true;
  }
  mode_t mode(const std::string& name) const {
    struct stat status;
    REQUIRE(::stat(temp.file(name).c_str(), &status) == 0);
    return status.st_mode & 07777;
  }
};

TEST_SUITE("piece_store") {
  TEST_CASE("a fresh tree is made as NAME.part, with all directories, files, lengths and modes") {
    const Rig rig;
    PieceStore store = rig.store();
    CHECK(opened(store) == "000000 000000");
    while (store.reserve_more()) {
    }
    CHECK(store.path() == rig.temp.file("tree.part"));
    CHECK(fs::file_size(rig.temp.file("tree.part/empty")) == 0);
    CHECK(fs::file_size(rig.temp.file("tree.part/sub/deep/c")) == 2 * kPieceLength + 5);
    CHECK(rig.mode("tree.part/a") == 0644);
    CHECK(rig.mode("tree.part/sub/b") == 0755);
    CHECK(rig.mode("tree.part/sub/deep") == 0755);
    struct stat status;
    REQUIRE(::stat(rig.temp.file("tree.part/sub/b").c_str(), &status) == 0);
    CHECK(status.st_blocks * 512 >= 2 * kPieceLength);
    CHECK_FALSE(fs::exists(rig.temp.file("tree")));
  }

  TEST_CASE(
      "pieces land in the files that they cross, are read again, and the tree gets its name") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "010110");
    store.sync();
    rig.write(store, "101001");
    const auto read = [&](std::uint64_t offset, std::span<std::byte> buffer) {
      return store.read(offset, buffer);
    };
    CHECK(verify_pieces(read, rig.sample.torrent, {})->complete());
    store.finish();
    CHECK(store.path() == rig.temp.file("tree"));
    CHECK(rig.holds_all("tree"));
    CHECK(rig.mode("tree/sub/b") == 0755);
    CHECK_FALSE(fs::exists(rig.temp.file("tree.part")));
    // What is opened from now on is found, too.
    CHECK(verify_pieces(read, rig.sample.torrent, {})->complete());
    CHECK(store.is_intact());
    std::string seen;
    store.for_each_part(PieceIndex(1), 90, 100,
                        [&](int, std::uint64_t offset, std::uint64_t bytes) {
                          seen += std::to_string(offset) + "+" + std::to_string(bytes) + " ";
                        });
    CHECK(seen == std::to_string(kPieceLength + 90) + "+10 0+90 ");
  }

  TEST_CASE("a complete tree is checked once, and then only what has changed in it") {
    const Rig rig;
    rig.put("tree");
    PieceStore store = rig.store();
    CHECK(opened(store) == "000000 111111 NAME");
    const ResumeState state = store.state(pieces("111111"), true);
    CHECK(opened(store, state) == "111111 000000 NAME");
    rig.touch("tree/sub/b");
    CHECK_FALSE(store.is_intact());
    CHECK(opened(store, state) == "100011 011100 NAME");
    rig.touch("tree/empty");
    CHECK(opened(store, state) == "100011 011100 NAME");
    fs::remove(rig.temp.file("tree/a"));
    CHECK(opened(store, state) == "000011 001100 NAME wrong 1");
    fs::resize_file(rig.temp.file("tree/sub/deep/c"), 5);
    CHECK(opened(store, state) == "000000 001000 NAME wrong 2");
    CHECK(store.is_intact());
    CHECK_FALSE(fs::exists(rig.temp.file("tree.part")));
    CHECK_FALSE(fs::exists(rig.temp.file("tree/a")));
  }

  TEST_CASE("an empty file that is missing or has grown is noticed, though no piece is about it") {
    const Rig rig;
    rig.put("tree");
    fs::remove(rig.temp.file("tree/empty"));
    PieceStore store = rig.store();
    CHECK(opened(store) == "000000 111111 NAME wrong 1");
    rig.temp.write("tree/empty", "x");
    CHECK(opened(store) == "000000 111111 NAME wrong 1");
    rig.temp.write("tree/empty", "");
    CHECK(opened(store) == "000000 111111 NAME");
  }

  TEST_CASE("the state saved at the end holds for the tree under its final name") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "111111");
    store.finish();
    const ResumeState state = store.state(pieces("111111"), true);
    PieceStore again = rig.store();
    CHECK(opened(again, state) == "111111 000000 NAME");
  }

  TEST_CASE("after a clean stop nothing of a part is checked but files that changed") {
    const Rig rig;
    ResumeState state;
    {
      PieceStore store = rig.store();
      opened(store);
      while (store.reserve_more()) {
      }
      rig.write(store, "110010");
      state = store.state(pieces("110010"), true);
    }
    for (int i = 0; i < 2; ++i) {
      PieceStore store = rig.store();
      CHECK(opened(store, state) == "110010 000000");
    }
    rig.touch("tree.part/sub/b");
    PieceStore store = rig.store();
    CHECK(opened(store, state) == "100010 011100");
    fs::remove(rig.temp.file("tree.part/a"));
    CHECK(opened(store, state) == "000010 001100");
    CHECK(fs::file_size(rig.temp.file("tree.part/a")) == kPieceLength + 100);
  }

  TEST_CASE("after an unclean stop only what was written since is in doubt") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "000010");
    const ResumeState state = store.state(pieces("000010"), false);
    rig.write(store, "100000");
    store.sync();  // a file system may not know what is only in memory
    PieceStore again = rig.store();
    const std::string found = opened(again, state);
    // Pieces beside these may share a block with them, and count as written.
    CHECK(found.substr(0, 8) == "000010 1");
    CHECK(found[9] == '0');
    CHECK(found[11] == '0');
    rig.write(again, "111111");
    again.finish();
    CHECK(rig.holds_all("tree"));
  }

  TEST_CASE("a tree put there as NAME.part is checked, mended and completed") {
    const Rig rig;
    rig.put("tree.part");
    fs::remove(rig.temp.file("tree.part/empty"));
    fs::resize_file(rig.temp.file("tree.part/sub/deep/c"), 5);
    PieceStore store = rig.store();
    CHECK(opened(store) == "000000 111111");
    CHECK(fs::exists(rig.temp.file("tree.part/empty")));
    CHECK(rig.mode("tree.part/sub/b") == 0755);
    rig.write(store, "000111");
    store.finish();
    CHECK(rig.holds_all("tree"));

    const Rig longer;
    longer.put("tree.part");
    longer.temp.write("tree.part/empty", "x");
    PieceStore refused = longer.store();
    CHECK(has(problem(refused), "tree.part/empty is longer"));
    CHECK(longer.temp.read("tree.part/empty") == "x");
  }

  TEST_CASE("what is no directory, or no file in it, is refused and left alone") {
    for (const char* name : {"tree", "tree.part"}) {
      const Rig rig;
      PieceStore store = rig.store();
      rig.temp.write(name, "data");
      CHECK(has(problem(store), name));
      CHECK(rig.temp.read(name) == "data");
      fs::remove(rig.temp.file(name));
      const TempDir outside;
      fs::create_directory_symlink(outside.path(), rig.temp.file(name));
      CHECK(has(problem(store), name));
      CHECK(fs::is_empty(outside.path()));
      fs::remove(rig.temp.file(name));
      CHECK(opened(store) == "000000 000000");
    }
    const Rig rig;
    PieceStore store = rig.store();
    const TempDir outside;
    outside.write("b", rig.sample.file(2));
    fs::create_directory(rig.temp.file("tree.part"));
    fs::create_directory_symlink(outside.path(), rig.temp.file("tree.part/sub"));
    CHECK(has(problem(store), "tree.part/sub"));
    fs::remove(rig.temp.file("tree.part/sub"));
    fs::create_symlink(outside.file("b"), rig.temp.file("tree.part/a"));
    CHECK(has(problem(store), "tree.part/a"));
    fs::remove(rig.temp.file("tree.part/a"));
    fs::create_directory(rig.temp.file("tree.part/a"));
    CHECK(has(problem(store), "tree.part/a"));
    CHECK(outside.read("b") == rig.sample.file(2));
    CHECK_FALSE(fs::exists(outside.file("deep")));
  }

  TEST_CASE("a link in a complete tree counts as a file that is not there") {
    const Rig rig;
    rig.put("tree");
    fs::rename(rig.temp.file("tree/a"), rig.temp.file("elsewhere"));
    fs::create_symlink("../elsewhere", rig.temp.file("tree/a"));
    PieceStore store = rig.store();
    CHECK(opened(store) == "000000 001111 NAME wrong 1");
  }

  TEST_CASE("a file that was replaced is not read or written as if it were ours") {
    for (const bool part : {true, false}) {
      std::vector<TreeFile> files;
      for (int i = 0; i < 60; ++i) files.push_back({std::to_string(100 + i), 1000});
      const Rig rig(files);
      const std::string name = part ? "tree.part" : "tree";
      if (!part) rig.put(name);
      PieceStore store = rig.store();
      opened(store);
      if (part) rig.write(store, "1");  // the first one is closed by now
      fs::copy_file(rig.temp.file(name + "/100"), rig.temp.file("copy"));
      fs::rename(rig.temp.file("copy"), rig.temp.file(name + "/100"));
      std::byte buffer[10];
      CHECK_THROWS_AS(store.read(0, buffer), StorageError);
      CHECK_FALSE(store.is_intact());
      if (part) CHECK_THROWS_AS(rig.write(store, "1"), StorageError);
      if (part) CHECK_THROWS_AS(store.finish(), StorageError);
      CHECK(fs::exists(rig.temp.file(name)));
      opened(store);
      CHECK(store.is_intact());
      CHECK(store.read(0, buffer) == 10);
    }
  }

  TEST_CASE("a tree that was moved away and one that has come in its place are noticed") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    CHECK(store.is_intact());
    rig.write(store, "111111");
    CHECK(store.is_intact());
    fs::rename(rig.temp.file("tree.part"), rig.temp.file("away"));
    CHECK_FALSE(store.is_intact());
    rig.put("tree.part");
    CHECK_FALSE(store.is_intact());
    CHECK_THROWS_AS(store.finish(), StorageError);
    CHECK_FALSE(fs::exists(rig.temp.file("tree")));
  }

  TEST_CASE("finishing does not replace a directory that has come meanwhile") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "111111");
    fs::create_directory(rig.temp.file("tree"));
    CHECK_THROWS_AS(store.finish(), StorageError);
    CHECK(store.is_part());
    CHECK(fs::is_empty(rig.temp.file("tree")));
    fs::remove(rig.temp.file("tree"));
    store.finish();
    CHECK(rig.holds_all("tree"));
  }

  TEST_CASE("a complete tree that is not is taken back by its name, mended and finished again") {
    const Rig rig;
    rig.put("tree");
    fs::remove(rig.temp.file("tree/empty"));
    fs::resize_file(rig.temp.file("tree/sub/deep/c"), 5);
    PieceStore store = rig.store();
    CHECK(opened(store) == "000000 111000 NAME wrong 2");
    store.take_back(pieces("111000"));
    CHECK(store.is_part());
    CHECK_FALSE(fs::exists(rig.temp.file("tree")));
    CHECK(fs::exists(rig.temp.file("tree.part/empty")));
    CHECK(store.is_intact());
    rig.write(store, "000111");
    store.finish();
    CHECK(rig.holds_all("tree"));
  }

  TEST_CASE("a tree that cannot be taken back is left as it is, with the reason") {
    const Rig rig;
    rig.put("tree");
    fs::remove(rig.temp.file("tree/empty"));
    PieceStore store = rig.store();
    const auto refused = [&](const char* held, const std::string& reason) {
      opened(store);
      try {
        store.take_back(pieces(held));
        CHECK(false);
      } catch (const StorageError& error) {
        CHECK_MESSAGE(has(error.what(), reason), error.what());
      }
      CHECK_FALSE(store.is_part());
      CHECK_FALSE(fs::exists(rig.temp.file("tree/empty")));
    };
    refused("000000", "matches in no piece");
    fs::create_hard_link(rig.temp.file("tree/a"), rig.temp.file("link"));
    refused("111111", "tree/a has other links");
    fs::remove(rig.temp.file("link"));
    rig.temp.write("tree/a", std::string(rig.sample.file(0)) + "x");
    refused("001111", "tree/a is longer");
    rig.temp.write("tree/a", rig.sample.file(0));
    fs::create_directory(rig.temp.file("tree.part"));
    refused("111111", "tree.part");
    CHECK(fs::is_empty(rig.temp.file("tree.part")));
    fs::remove(rig.temp.file("tree.part"));
    opened(store);
    rig.touch("tree/sub/b");
    CHECK_THROWS_AS(store.take_back(pieces("111111")), std::runtime_error);
    CHECK(fs::exists(rig.temp.file("tree")));
  }

  TEST_CASE("a complete tree is removed, unless somebody has changed it or put something into it") {
    const Rig rig;
    PieceStore store = rig.store();
    CHECK_FALSE(store.exists());
    opened(store);
    CHECK(store.exists());
    CHECK(has(store.why_to_keep(), "is not complete"));
    rig.write(store, "111111");
    store.finish();
    CHECK(store.why_to_keep().empty());
    rig.temp.write("tree/sub/mine", "");
    CHECK(has(store.why_to_keep(), "holds more than was fetched"));
    fs::remove(rig.temp.file("tree/sub/mine"));
    fs::create_directory(rig.temp.file("tree/mine"));
    CHECK(has(store.why_to_keep(), "holds more than was fetched"));
    fs::remove(rig.temp.file("tree/mine"));
    fs::create_symlink("a", rig.temp.file("tree/mine"));
    CHECK(has(store.why_to_keep(), "holds more than was fetched"));
    fs::remove(rig.temp.file("tree/mine"));
    fs::create_hard_link(rig.temp.file("tree/sub/b"), rig.temp.file("link"));
    CHECK(has(store.why_to_keep(), "tree/sub/b has other links"));
    fs::remove(rig.temp.file("link"));
    fs::rename(rig.temp.file("tree/a"), rig.temp.file("aside"));
    CHECK(has(store.why_to_keep(), "changed or replaced"));
    fs::rename(rig.temp.file("aside"), rig.temp.file("tree/a"));
    CHECK(store.why_to_keep().empty());
    store.remove();
    CHECK_FALSE(store.exists());
    CHECK(fs::is_empty(rig.temp.path()));
    CHECK(opened(store) == "000000 000000");
  }

  TEST_CASE("a tree of empty files has no pieces and is finished at once") {
    const Rig rig({{"a", 0}, {"b/c", 0, true}});
    PieceStore store = rig.store();
    CHECK(opened(store) == " ");
    CHECK_FALSE(store.reserve_more());
    store.finish();
    CHECK(rig.holds_all("tree"));
    CHECK(rig.mode("tree/b/c") == 0755);
    CHECK(opened(store) == "  NAME");
  }

  TEST_CASE("a tree that the disk has no room for is refused before anything of it is made") {
    const Rig rig({{"a", 1}, {"b", 1}});
    Torrent torrent = rig.sample.torrent;
    torrent.files[0].length = std::uint64_t{1} << 60;
    torrent.layout = PieceLayout((std::uint64_t{1} << 60) + 1, 64U << 20);
    PieceStore store(rig.directory, torrent, 0);
    CHECK(has(problem(store), "reserve " + rig.temp.file("tree.part")));
    CHECK(fs::is_empty(rig.temp.file("tree.part")));
  }

  TEST_CASE("many threads write and read a tree of more files than stay open") {
    std::vector<TreeFile> files;
    for (int i = 0; i < 300; ++i) {
      files.push_back({std::to_string(100 + i / 50) + "/" + std::to_string(100 + i),
                       static_cast<std::uint64_t>(i * 37 % 9000)});
    }
    const Rig rig(files);
    PieceStore store = rig.store();
    opened(store);
    const PieceLayout& layout = rig.sample.torrent.layout;
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (PieceIndex piece(t); piece < layout.end(); piece = PieceIndex(piece.value() + 4)) {
          store.write_piece(piece, bytes_of(rig.sample.piece(piece)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const auto read = [&](std::uint64_t offset, std::span<std::byte> buffer) {
      return store.read(offset, buffer);
    };
    HashOptions options;
    options.threads = 4;
    CHECK(verify_pieces(read, rig.sample.torrent, options)->complete());
    store.finish();
    CHECK(rig.holds_all("tree"));
  }
}

}  // namespace
}  // namespace piecework::peer
