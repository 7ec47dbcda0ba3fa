#include "common/atomic_file.h"

#include <dirent.h>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

// Names in `path` other than "." and "..".
std::size_t count_entries(const std::string& path) {
  DIR* const directory = ::opendir(path.c_str());
  REQUIRE(directory != nullptr);
  std::size_t count = 0;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") ++count;
  }
  ::closedir(directory);
  return count;
}

template <typename Call>
std::system_error error_of(Call call) {
  try {
    call();
  } catch (const std::system_error& error) {
    return error;
  }
  return std::system_error(0, std::generic_category());
}

TEST_SUITE("atomic_file") {
  TEST_CASE("a file is made and then replaced, with the mode asked for") {
    const TempDir directory;
    const std::string path = directory.file("state");
    const mode_t old_mask = ::umask(077);
    write_file_atomically(path, "one", 0644, Durability::kCached);
    ::umask(old_mask);
    struct stat status;
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0644);
    write_file_atomically(path, "", 0600, Durability::kSynced);
    CHECK(read_small_file(path, 0).empty());
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(count_entries(directory.path()) == 1);
  }

  TEST_CASE("a failure names the path and leaves nothing behind") {
    const TempDir directory;
    const std::string missing = directory.file("none/state");
    const auto error =
        error_of([&] { write_file_atomically(missing, "x", 0644, Durability::kCached); });
    CHECK(error.code().value() == ENOENT);
    CHECK(std::string(error.what()).find(missing) != std::string::npos);

    for (const char* name : {"directory", "fifo"}) {
      const std::string path = directory.file(name);
      REQUIRE((name[0] == 'd' ? ::mkdir(path.c_str(), 0700) : ::mkfifo(path.c_str(), 0600)) == 0);
      CHECK_THROWS_AS(write_file_atomically(path, "x", 0644, Durability::kCached),
                      std::system_error);
    }
    CHECK(count_entries(directory.path()) == 2);
    CHECK_THROWS_AS(write_file_atomically("/dev/null", "x", 0644, Durability::kCached),
                    std::system_error);
    CHECK_THROWS_AS(write_file_atomically("", "x", 0644, Durability::kCached), std::system_error);
  }

  TEST_CASE("the longest file name is no obstacle") {
    const TempDir directory;
    const std::string name(255, 'x');
    write_file_atomically(directory.file(name), "data", 0644, Durability::kCached);
    CHECK(directory.read(name) == "data");
  }

  TEST_CASE("a file up to the limit is read, a larger one is refused") {
    const TempDir directory;
    const std::string content(200'000, 'x');
    const std::string path = directory.write("data", content);
    CHECK(read_small_file(path, content.size()) == content);
    CHECK(error_of([&] { read_small_file(path, content.size() - 1); }).code().value() == EFBIG);
    CHECK(!read_small_file("/proc/self/status", 1 << 20).empty());
  }

  TEST_CASE("of a file of any size its beginning can be read") {
    const TempDir directory;
    const std::string path = directory.write("data", "beginning and end");
    CHECK(read_beginning(path, 9) == "beginning");
    CHECK(read_beginning(path, 100) == "beginning and end");
    CHECK(read_beginning(directory.write("empty", ""), 9) == "");
    CHECK_FALSE(read_beginning(directory.file("none"), 9));
    CHECK(error_of([&] { read_beginning(directory.path(), 9); }).code().value() == EISDIR);
    CHECK(error_of([&] { read_beginning(path + "/x", 9); }).code().value() == ENOTDIR);
  }

  TEST_CASE("what is no regular file is refused without blocking") {
    const TempDir directory;
    const std::string fifo = directory.file("fifo");
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(error_of([&] { read_small_file(fifo, 10); }).code().value() == EINVAL);
    CHECK(error_of([&] { read_small_file(directory.path(), 10); }).code().value() == EISDIR);
    CHECK(error_of([&] { read_small_file("/dev/zero", 10); }).code().value() == EINVAL);
    CHECK(error_of([&] { read_small_file(directory.file("none"), 10); }).code().value() == ENOENT);
  }

  TEST_CASE("readers see whole contents while several threads write") {
    const TempDir directory;
    const std::string path = directory.write("state", std::string(5000, 'a'));
    std::vector<std::jthread> writers;
    for (const char letter : {'b', 'c', 'd'}) {
      writers.emplace_back([&path, letter] {
        for (int i = 0; i < 100; ++i) {
          write_file_atomically(path, std::string(5000, letter), 0644, Durability::kCached);
        }
      });
    }
    for (int i = 0; i < 300; ++i) {
      const std::string content = read_small_file(path, 5000);
      REQUIRE(content == std::string(5000, content.front()));
    }
    writers.clear();
    CHECK(count_entries(directory.path()) == 1);
  }
}

}  // namespace
}  // namespace piecework
