#include "peer/file_set.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <atomic>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "common/socket.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

// Files "0", "1" … with their contents, and how often each has been opened.
struct Rig {
  explicit Rig(const std::vector<std::string>& contents, std::size_t most_open = 2)
      : set(layout_of(contents), most_open, [this](std::uint32_t file) { return open(file); }) {
    for (std::size_t i = 0; i < contents.size(); ++i) temp.write(std::to_string(i), contents[i]);
  }

  static FileLayout layout_of(const std::vector<std::string>& contents) {
    std::vector<std::uint64_t> lengths;
    for (const std::string& content : contents) lengths.push_back(content.size());
    return FileLayout(lengths);
  }
  UniqueFd open(std::uint32_t file) {
    ++opened;
    UniqueFd fd(::open(temp.file(std::to_string(file)).c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.valid()) throw_errno("open " + std::to_string(file));
    return fd;
  }
  std::string read(std::uint64_t offset, std::size_t length) {
    std::string text(length, '\0');
    text.resize(set.read(offset, std::as_writable_bytes(std::span(text))));
    return text;
  }

  TempDir temp;
  std::atomic<int> opened = 0;
  FileSet set;
};

TEST_SUITE("file_set") {
  TEST_CASE("one read goes to the end of one file") {
    Rig rig({"abc", "", "defg"});
    CHECK(rig.read(0, 2) == "ab");
    CHECK(rig.read(1, 100) == "bc");
    CHECK(rig.read(3, 2) == "de");
    CHECK(rig.read(6, 5) == "g");
    CHECK(rig.read(7, 1).empty());
    CHECK(rig.read(0, 0).empty());
  }

  TEST_CASE("parts are visited in order, with the file that each is in") {
    Rig rig({"abc", "", "defg"});
    std::string seen;
    rig.set.for_each_part(1, 5, [&](int fd, std::uint64_t offset, std::uint64_t length) {
      std::string text(length, '\0');
      CHECK(::pread(fd, text.data(), length, static_cast<off_t>(offset)) ==
            static_cast<ssize_t>(length));
      seen += text + " ";
    });
    CHECK(seen == "bc def ");
  }

  TEST_CASE("what is written is where it belongs") {
    Rig rig({"abc", "defg"});
    rig.set.write(1, 2, bytes_of("XY"));
    CHECK(rig.temp.read("1") == "deXY");
    CHECK(rig.temp.read("0") == "abc");
    rig.set.write(0, 0, bytes_of(""));
    CHECK(rig.read(3, 4) == "deXY");
  }

  TEST_CASE("the files used last stay open, and no more than they may") {
    Rig rig({"a", "b", "c"}, 2);
    CHECK(rig.read(0, 1) == "a");
    CHECK(rig.read(1, 1) == "b");
    CHECK(rig.read(0, 1) == "a");
    CHECK(rig.opened == 2);
    CHECK(rig.read(2, 1) == "c");  // in the place of b
    CHECK(rig.read(0, 1) == "a");
    CHECK(rig.opened == 3);
    CHECK(rig.read(1, 1) == "b");
    CHECK(rig.opened == 4);
  }

  TEST_CASE("a file that is in use stays open when its place is taken") {
    Rig rig({"a", "b"}, 1);
    const FileSet::Handle kept = rig.set.get(0);
    CHECK(rig.read(1, 1) == "b");
    rig.set.close_all();
    char c = 0;
    CHECK(::pread(kept->get(), &c, 1, 0) == 1);
    CHECK(c == 'a');
    CHECK(rig.read(1, 1) == "b");
    CHECK(rig.opened == 3);
  }

  TEST_CASE("what cannot be opened, read or written reaches the caller") {
    Rig rig({"abc", "def"});
    REQUIRE(::unlink(rig.temp.file("1").c_str()) == 0);
    CHECK(rig.read(0, 100) == "abc");
    CHECK_THROWS_AS(rig.read(3, 1), std::system_error);
    CHECK_THROWS_AS(rig.set.write(1, 0, bytes_of("x")), std::system_error);
    FileSet read_only(FileLayout({3}), 1, [&](std::uint32_t) {
      return UniqueFd(::open(rig.temp.file("0").c_str(), O_RDONLY | O_CLOEXEC));
    });
    CHECK_THROWS_AS(read_only.write(0, 0, bytes_of("x")), std::system_error);
    REQUIRE(::truncate(rig.temp.file("0").c_str(), 1) == 0);
    CHECK(rig.read(0, 3) == "a");
    CHECK(rig.read(1, 2).empty());
  }

  TEST_CASE("many threads read and write more files than may be open") {
    constexpr std::uint32_t kFiles = 16;
    constexpr std::size_t kLength = 64;
    std::vector<std::string> contents(kFiles, std::string(kLength, '.'));
    Rig rig(contents, 3);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const std::string mine(kLength / 4, static_cast<char>('a' + t));
        for (std::uint32_t i = 0; i < 200; ++i) {
          const std::uint32_t file = (i * 7 + t) % kFiles;
          const std::uint64_t place = t * mine.size();
          rig.set.write(file, place, bytes_of(mine));
          if (rig.read(file * kLength + place, mine.size()) != mine) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    for (std::uint32_t file = 0; file < kFiles; ++file) {
      CHECK(rig.temp.read(std::to_string(file)).find('.') == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
