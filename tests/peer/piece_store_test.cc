#include "peer/piece_store.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "common/unique_fd.h"
#include "tests/support/no_more_descriptors.h"
#include "tests/support/pieces.h"
#include "tests/support/socket_pair.h"
#include "tests/support/store_rig.h"

namespace piecework::peer {
namespace {

constexpr std::uint32_t kPieceLength = 64 << 10;  // pieces that a file system's blocks divide
constexpr const char* kName = "sample.bin";
constexpr const char* kPart = "sample.bin.part";

// A torrent of 5 pieces, the last one short, and where it goes.
struct Rig : StoreRig {
  explicit Rig(std::size_t length = 4 * kPieceLength + 100)
      : StoreRig(sample_torrent(length, kPieceLength)) {}

  std::string with_bad_piece(std::size_t piece) const {
    std::string content = sample.content;
    content[piece * kPieceLength] ^= 1;
    return content;
  }
  bool exists(const char* name) const { return std::filesystem::exists(temp.file(name)); }
};

ino_t inode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_ino;
}

// The descriptor that a single file is read and written by.
int file_of(PieceStore& store) {
  int file = -1;
  store.for_each_part(PieceIndex(), 0, 1, [&](int fd, std::uint64_t, std::uint64_t) { file = fd; });
  return file;
}

TEST_SUITE("piece_store") {
  TEST_CASE("a fresh torrent gets its NAME.part, with its space reserved and nothing to check") {
    const Rig rig;
    PieceStore store = rig.store();
    CHECK(opened(store) == "00000 00000");
    CHECK_FALSE(store.reserve_more());
    CHECK(store.is_part());
    CHECK(store.path() == rig.temp.file(kPart));
    CHECK_FALSE(rig.exists(kName));
    struct stat status;
    REQUIRE(::stat(rig.temp.file(kPart).c_str(), &status) == 0);
    CHECK(status.st_size == static_cast<off_t>(rig.sample.content.size()));
    CHECK(static_cast<std::size_t>(status.st_blocks) * 512 >= rig.sample.content.size());
  }

  TEST_CASE("the space of a big file is reserved bit by bit, and not twice") {
    Rig rig;
    rig.sample.torrent.layout = PieceLayout(std::uint64_t{130} << 20, 1 << 20);
    PieceStore store = rig.store();
    opened(store);
    CHECK(store.reserve_more());
    while (store.reserve_more()) {
    }
    struct stat status;
    REQUIRE(::stat(rig.temp.file(kPart).c_str(), &status) == 0);
    CHECK(status.st_blocks * 512 >= off_t{130} << 20);
    const auto mark = FileMark::at(rig.temp.file(kPart));
    CHECK_FALSE(store.reserve_more());
    opened(store);
    CHECK_FALSE(store.reserve_more());
    CHECK(FileMark::at(rig.temp.file(kPart)) == mark);
  }

  TEST_CASE("pieces land where they belong, and finishing gives the file its name") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "01011");
    store.sync();
    rig.write(store, "10100");
    const int file = file_of(store);
    store.finish();
    CHECK_FALSE(store.is_part());
    CHECK(store.path() == rig.temp.file(kName));
    CHECK(file_of(store) == file);
    CHECK(rig.temp.read(kName) == rig.sample.content);
    CHECK_FALSE(rig.exists(kPart));
    CHECK(store.length(PieceIndex(4)) == 100);
  }

  TEST_CASE("a part without state is all in doubt") {
    const Rig rig;
    {
      PieceStore store = rig.store();
      opened(store);
      rig.write(store, "11000");
    }
    PieceStore store = rig.store();
    CHECK(opened(store) == "00000 11111");
    CHECK(rig.temp.read(kPart).substr(0, kPieceLength) == rig.sample.piece(PieceIndex(0)));
  }

  TEST_CASE("an empty part has nothing to be checked") {
    const Rig rig;
    rig.temp.write(kPart, "");
    PieceStore store = rig.store();
    CHECK(opened(store) == "00000 00000");
  }

  TEST_CASE("after a clean stop nothing is checked, also the second time") {
    const Rig rig;
    ResumeState state;
    {
      PieceStore store = rig.store();
      opened(store);
      rig.write(store, "11001");
      state = store.state(pieces("11001"), true);
      CHECK_FALSE(state.complete);
      CHECK(state.clean);
    }
    for (int i = 0; i < 2; ++i) {
      PieceStore store = rig.store();
      CHECK(opened(store, state) == "11001 00000");
    }
  }

  TEST_CASE("a part that was changed after a clean stop is all in doubt") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11001");
    const ResumeState state = store.state(pieces("11001"), true);
    rig.touch(kPart);
    CHECK(opened(store, state) == "00000 11111");
  }

  TEST_CASE("after an unclean stop only what was written since is in doubt") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "10000");
    const ResumeState state = store.state(pieces("10000"), false);
    rig.write(store, "00011");
    store.sync();  // a file system may not know what is only in memory
    PieceStore again = rig.store();
    CHECK(opened(again, state) == "10000 00011");
    rig.write(again, "00100");
    again.sync();
    CHECK(opened(again, state) == "10000 00111");
    // Whatever it may have been told by mistake.
    CHECK(opened(again, store.state(pieces("11111"), false)) == "11111 00000");
  }

  TEST_CASE("a part that is another file than the one remembered is all in doubt") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11111");
    const ResumeState clean = store.state(pieces("11111"), true);
    ResumeState unclean = clean;
    unclean.clean = false;
    std::filesystem::copy_file(rig.temp.file(kPart), rig.temp.file("copy"));
    std::filesystem::rename(rig.temp.file("copy"), rig.temp.file(kPart));
    CHECK(opened(store, clean) == "00000 11111");
    CHECK(opened(store, unclean) == "00000 11111");
  }

  TEST_CASE("a part that got the inode of the one remembered is all in doubt") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11111");
    ResumeState unclean = store.state(pieces("11111"), false);
    CHECK(opened(store, unclean) == "11111 00000");
    --unclean.files[0].birth_ns;
    CHECK(opened(store, unclean) == "00000 11111");
  }

  TEST_CASE("a part that was cut is all in doubt") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11111");
    store.sync();
    const ResumeState unclean = store.state(pieces("11111"), false);
    REQUIRE(::truncate(rig.temp.file(kPart).c_str(), 3 * kPieceLength) == 0);
    CHECK(opened(store, unclean) == "00000 11111");
  }

  TEST_CASE("a sync that failed is not forgotten until the file is opened again") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11111");
    CHECK_FALSE(store.may_have_lost_writes());
    const UniqueFd kept(::fcntl(file_of(store), F_DUPFD_CLOEXEC, 0));
    int pipe_ends[2];
    REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
    const UniqueFd ends[2] = {UniqueFd(pipe_ends[0]), UniqueFd(pipe_ends[1])};
    REQUIRE(::dup2(pipe_ends[1], file_of(store)) >= 0);  // which cannot be synced
    CHECK_THROWS_AS(store.sync(), StorageError);
    REQUIRE(::dup2(kept.get(), file_of(store)) >= 0);
    store.sync();
    CHECK(store.may_have_lost_writes());
    CHECK(opened(store) == "00000 11111");
    CHECK_FALSE(store.may_have_lost_writes());
  }

  TEST_CASE("a file that is written to after it was opened has changed") {
    for (const char* name : {kName, kPart}) {
      const Rig rig;
      rig.temp.write(name, rig.sample.content);
      PieceStore store = rig.store();
      opened(store);
      CHECK_FALSE(store.changed_since_opened());
      const ResumeState before = store.state(pieces("11111"), true);
      rig.touch(name);
      CHECK(store.changed_since_opened());
      // What is remembered of a complete file is what was checked.
      const bool complete = name == kName;
      CHECK((store.state(pieces("11111"), true).files == before.files) == complete);
    }
  }

  TEST_CASE("a state of the complete file says nothing about a part") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11111");
    ResumeState state = store.state(pieces("11111"), true);
    state.complete = true;
    CHECK(opened(store, state) == "00000 11111");
  }

  TEST_CASE("a part that is too short is made longer and checked, one too long is refused") {
    const Rig rig;
    rig.temp.write(kPart, rig.sample.content.substr(0, 1000));
    PieceStore store = rig.store();
    CHECK(opened(store) == "00000 11111");
    CHECK(rig.temp.read(kPart).size() == rig.sample.content.size());
    CHECK(rig.temp.read(kPart).substr(0, 1000) == rig.sample.content.substr(0, 1000));

    rig.temp.write(kPart, rig.sample.content + "x");
    CHECK(has(problem(store), rig.temp.file(kPart) + " is longer"));
    CHECK(rig.temp.read(kPart) == rig.sample.content + "x");
  }

  TEST_CASE("a file is known again only if the saved state is about it, and it is as it was") {
    Rig rig;
    PieceStore store = rig.store();
    CHECK(store.open(std::nullopt).origin == FileOrigin::kMade);
    CHECK(store.open(std::nullopt).origin == FileOrigin::kUnknown);
    const ResumeState part = store.state(pieces("00000"), false);
    if (part.files[0].birth_ns != 0) CHECK(store.open(part).origin == FileOrigin::kKnown);
    store.finish();
    const ResumeState complete = store.state(pieces("11111"), true);
    CHECK(store.open(complete).origin == FileOrigin::kKnown);
    if (part.files[0].birth_ns != 0) CHECK(store.open(part).origin == FileOrigin::kKnown);
    CHECK(store.open(std::nullopt).origin == FileOrigin::kUnknown);

    namespace fs = std::filesystem;
    fs::rename(rig.temp.file(kName), rig.temp.file(kPart));
    CHECK(store.open(complete).origin == FileOrigin::kUnknown);
    fs::rename(rig.temp.file(kPart), rig.temp.file(kName));
    rig.touch(kName);
    CHECK(store.open(complete).origin == FileOrigin::kUnknown);
  }

  TEST_CASE("a complete file is removed, unless somebody has changed, replaced or linked it") {
    namespace fs = std::filesystem;
    const Rig rig;
    PieceStore store = rig.store();
    CHECK_FALSE(store.exists());
    opened(store);
    CHECK(store.exists());
    CHECK(has(store.why_to_keep(), "is not complete"));
    rig.write(store, "11111");
    store.finish();
    CHECK(store.exists());
    CHECK(store.why_to_keep().empty());
    fs::create_hard_link(rig.temp.file(kName), rig.temp.file("link"));
    CHECK(has(store.why_to_keep(), "other links"));
    fs::remove(rig.temp.file("link"));
    fs::rename(rig.temp.file(kName), rig.temp.file("aside"));
    CHECK(has(store.why_to_keep(), "changed or replaced"));
    rig.temp.write(kName, rig.sample.content);
    CHECK(has(store.why_to_keep(), "changed or replaced"));
    fs::rename(rig.temp.file("aside"), rig.temp.file(kName));
    CHECK(store.why_to_keep().empty());
    store.remove();
    CHECK_FALSE(store.exists());
    CHECK_THROWS_AS(store.remove(), StorageError);
    CHECK(opened(store) == "00000 00000");
  }

  TEST_CASE("a complete file is checked once, and not again while it is unchanged") {
    const Rig rig;
    rig.temp.write(kName, rig.sample.content);
    PieceStore store = rig.store();
    CHECK(opened(store) == "00000 11111 NAME");
    CHECK_FALSE(store.is_part());
    CHECK(store.path() == rig.temp.file(kName));
    const ResumeState state = store.state(pieces("11111"), true);
    CHECK(state.complete);
    CHECK(opened(store, state) == "11111 00000 NAME");
    rig.touch(kName);
    CHECK(opened(store, state) == "00000 11111 NAME");
    CHECK_FALSE(rig.exists(kPart));
  }

  TEST_CASE("the state saved at the end holds for the file under its final name") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11111");
    const ResumeState part = store.state(pieces("11111"), false);
    store.finish();
    const ResumeState complete = store.state(pieces("11111"), true);
    PieceStore again = rig.store();
    CHECK(opened(again, complete) == "11111 00000 NAME");
    CHECK(opened(again, part) == "00000 11111 NAME");
  }

  TEST_CASE("a complete file is preferred to a part, and both stay") {
    const Rig rig;
    rig.temp.write(kName, rig.sample.content);
    rig.temp.write(kPart, "part");
    PieceStore store = rig.store();
    CHECK(opened(store) == "00000 11111 NAME");
    CHECK(rig.temp.read(kPart) == "part");
  }

  TEST_CASE("a file of another size under the final name is refused and left alone") {
    const Rig rig;
    for (const std::string& content :
         {std::string(), rig.sample.content.substr(1), rig.sample.content + "x"}) {
      rig.temp.write(kName, content);
      PieceStore store = rig.store();
      const std::string said = problem(store);
      CHECK(has(said, rig.temp.file(kName)));
      CHECK(has(said, std::to_string(content.size()) + " bytes"));
      CHECK(has(said, "move it away"));
      CHECK(rig.temp.read(kName) == content);
      CHECK_FALSE(rig.exists(kPart));
    }
  }

  TEST_CASE("what is no regular file is refused, under either name") {
    for (const char* name : {kName, kPart}) {
      const Rig rig;
      PieceStore store = rig.store();
      std::filesystem::create_directory(rig.temp.file(name));
      CHECK(has(problem(store), name));
      std::filesystem::remove(rig.temp.file(name));
      rig.temp.write("elsewhere", rig.sample.content);
      std::filesystem::create_symlink("elsewhere", rig.temp.file(name));
      CHECK(has(problem(store), name));
      std::filesystem::remove(rig.temp.file(name));
      REQUIRE(::mkfifo(rig.temp.file(name).c_str(), 0600) == 0);
      CHECK(has(problem(store), name));
      // Trying again works once it is out of the way.
      std::filesystem::remove(rig.temp.file(name));
      CHECK(opened(store) == "00000 00000");
    }
  }

  TEST_CASE("finishing does not replace a file that has come meanwhile") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    rig.write(store, "11111");
    rig.temp.write(kName, "somebody else's");
    CHECK_THROWS_AS(store.finish(), StorageError);
    CHECK(store.is_part());
    CHECK(rig.temp.read(kName) == "somebody else's");
    CHECK(rig.temp.read(kPart) == rig.sample.content);
    std::filesystem::remove(rig.temp.file(kName));
    store.finish();
    CHECK(rig.temp.read(kName) == rig.sample.content);
  }

  TEST_CASE("space that is to stay free is not taken, unless it is reserved already") {
    const Rig rig;
    const std::uint64_t free = rig.directory.free_bytes();
    PieceStore greedy(rig.directory, rig.sample.torrent, free + (std::uint64_t{1} << 40));
    CHECK(has(problem(greedy), "min_free_space"));
    PieceStore modest(rig.directory, rig.sample.torrent, 1);
    CHECK(opened(modest) == "00000 00000");
    CHECK(has(problem(greedy), "min_free_space"));
    CHECK_FALSE(modest.reserve_more());
    CHECK(opened(greedy) == "00000 11111");
  }

  TEST_CASE("a file that the disk has no room for is refused, and tried again") {
    SampleTorrent huge = sample_torrent(100, kPieceLength);
    huge.torrent.layout = PieceLayout(std::uint64_t{1} << 60, 64U << 20);
    const TempDir temp;
    const DownloadDir directory(temp.path(), {});
    PieceStore store(directory, huge.torrent, 0);
    for (int i = 0; i < 2; ++i) {
      CHECK_THROWS_AS(store.open(std::nullopt), StorageError);
    }
    huge.torrent.layout = PieceLayout(100, kPieceLength);
    PieceStore small(directory, huge.torrent, 0);
    CHECK(opened(small) == "0 0");
  }

  TEST_CASE("a write that fails says which file") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    UniqueFd read_only(::open(rig.temp.file(kPart).c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(::dup2(read_only.get(), file_of(store)) >= 0);
    try {
      rig.write(store, "1");
      CHECK(false);
    } catch (const StorageError& error) {
      CHECK(has(error.what(), "write " + rig.temp.file(kPart)));
    }
  }

  TEST_CASE("a part is intact while it is there in its length, whatever is written to it") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    CHECK(store.is_intact());
    rig.write(store, "10110");
    CHECK(store.is_intact());
    std::filesystem::rename(rig.temp.file(kPart), rig.temp.file("away"));
    CHECK_FALSE(store.is_intact());
    rig.temp.write(kPart, rig.sample.content);  // another file
    CHECK_FALSE(store.is_intact());
    std::filesystem::rename(rig.temp.file("away"), rig.temp.file(kPart));
    CHECK(store.is_intact());
    REQUIRE(::truncate(rig.temp.file(kPart).c_str(), 5) == 0);
    CHECK_FALSE(store.is_intact());
    CHECK(opened(store) == "00000 11111");
    CHECK(store.is_intact());
    std::filesystem::remove(rig.temp.file(kPart));
    std::filesystem::create_directory(rig.temp.file(kPart));
    CHECK_FALSE(store.is_intact());
  }

  TEST_CASE("that it is not intact, and that nobody can look, are told apart") {
    const Rig rig;
    PieceStore store = rig.store();
    opened(store);
    store.require_intact();
    const auto complaint = [&] {
      try {
        store.require_intact();
        return std::error_code();
      } catch (const StorageError& error) {
        CHECK(has(error.what(), rig.temp.file(kPart)));
        return error.code();
      }
    };
    std::error_code code;
    {
      const NoMoreDescriptors none;
      CHECK_FALSE(store.is_intact());
      code = complaint();
    }
    CHECK(code == std::errc::too_many_files_open);
    rig.write(store, "11111");
    {
      const NoMoreDescriptors none;
      CHECK_THROWS_AS(store.finish(), StorageError);
    }
    CHECK(store.is_part());
    std::filesystem::rename(rig.temp.file(kPart), rig.temp.file("away"));
    CHECK(complaint() == std::error_code(ESTALE, std::generic_category()));
    std::filesystem::rename(rig.temp.file("away"), rig.temp.file(kPart));
    store.finish();
  }

  TEST_CASE("a complete file is intact while nobody changes it, found so or finished here") {
    for (const bool found : {true, false}) {
      const Rig rig;
      PieceStore store = rig.store();
      if (found) rig.temp.write(kName, rig.sample.content);
      opened(store);
      if (!found) {
        rig.write(store, "11111");
        store.finish();
      }
      CHECK(store.is_intact());
      rig.touch(kName);
      CHECK_FALSE(store.is_intact());
      CHECK(opened(store) == "00000 11111 NAME");
      CHECK(store.is_intact());
      // Renamed, to be repaired.
      std::filesystem::rename(rig.temp.file(kName), rig.temp.file(kPart));
      CHECK_FALSE(store.is_intact());
    }
  }

  TEST_CASE("a complete file that is not is taken back by its name, and finished again") {
    const Rig rig;
    rig.temp.write(kName, rig.with_bad_piece(1));
    PieceStore store = rig.store();
    CHECK(opened(store) == "00000 11111 NAME");
    const auto inode = inode_of(rig.temp.file(kName));
    store.take_back(pieces("10111"));
    CHECK(store.is_part());
    CHECK_FALSE(rig.exists(kName));
    CHECK(store.is_intact());
    rig.write(store, "01000");
    store.finish();
    CHECK(rig.temp.read(kName) == rig.sample.content);
    CHECK(inode_of(rig.temp.file(kName)) == inode);
  }

  TEST_CASE("one that has another name is taken back as a copy of what is held") {
    const Rig rig;
    const std::string damaged = rig.with_bad_piece(1);
    rig.temp.write(kName, damaged);
    std::filesystem::create_hard_link(rig.temp.file(kName), rig.temp.file("other"));
    PieceStore store = rig.store();
    opened(store);
    store.take_back(pieces("10111"));
    CHECK_FALSE(rig.exists(kName));
    rig.write(store, "01000");
    store.finish();
    CHECK(rig.temp.read(kName) == rig.sample.content);
    CHECK(rig.temp.read("other") == damaged);
    PieceStore again = rig.store();
    CHECK(opened(again, store.state(pieces("11111"), true)) == "11111 00000 NAME");
  }

  TEST_CASE("one that cannot be taken back is left as it is, with the reason") {
    const Rig rig;
    const std::string damaged = rig.with_bad_piece(1);
    rig.temp.write(kName, damaged);
    PieceStore store = rig.store();
    opened(store);
    const auto refused = [&](const char* held, const std::string& reason) {
      try {
        store.take_back(pieces(held));
      } catch (const StorageError& error) {
        CHECK_MESSAGE(has(error.what(), reason), error.what());
      }
      CHECK_FALSE(store.is_part());
      CHECK(rig.temp.read(kName) == damaged);
    };
    refused("00000", "matches in no piece");
    rig.temp.write(kPart, "somebody's");
    refused("10111", "File exists");
    std::filesystem::create_hard_link(rig.temp.file(kName), rig.temp.file("other"));
    refused("10111", "File exists");
    CHECK(rig.temp.read(kPart) == "somebody's");
    std::filesystem::remove(rig.temp.file("other"));
    std::filesystem::remove(rig.temp.file(kPart));
    rig.touch(kName);
    CHECK_THROWS_AS(store.take_back(pieces("10111")), std::runtime_error);
    CHECK(rig.temp.read(kName) == damaged);
    PieceStore full(rig.directory, rig.sample.torrent, std::uint64_t{1} << 60);
    opened(full);
    std::filesystem::create_hard_link(rig.temp.file(kName), rig.temp.file("other"));
    CHECK_THROWS_AS(full.take_back(pieces("10111")), StorageError);
    CHECK_FALSE(rig.exists(kPart));
  }

  TEST_CASE("an empty file has no pieces and is finished at once") {
    const Rig rig(0);
    PieceStore store = rig.store();
    CHECK(opened(store) == " ");
    store.finish();
    CHECK(rig.exists(kName));
    CHECK(rig.temp.read(kName).empty());
    PieceStore again = rig.store();
    CHECK(opened(again) == "  NAME");
  }

  TEST_CASE("many threads write pieces at once") {
    const Rig rig(40 * kPieceLength + 7);
    PieceStore store = rig.store();
    opened(store);
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (PieceIndex piece(t); piece < rig.sample.torrent.layout.end();
             piece = PieceIndex(piece.value() + 4)) {
          store.write_piece(piece, bytes_of(rig.sample.piece(piece)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    store.finish();
    CHECK(rig.temp.read(kName) == rig.sample.content);
  }
}

}  // namespace
}  // namespace piecework::peer
