#include "peer/file_mark.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "common/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

// Gives the file a time of its own choice: 1,000,000,000.000000005 s.
void set_time(const std::string& path) {
  const timespec times[2] = {{0, UTIME_OMIT}, {1'000'000'000, 5}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

TEST_SUITE("file_mark") {
  TEST_CASE("a mark tells whether a file has been written to") {
    const TempDir directory;
    const std::string a = directory.file("a");
    directory.write("a", "12345");
    const auto before = FileMark::at(a);
    REQUIRE(before);
    CHECK(before->length == 5);
    CHECK(FileMark::at(a) == before);
    set_time(a);
    CHECK(FileMark::at(a)->mtime_ns == 1'000'000'000'000'000'005);
    CHECK(FileMark::at(a) != before);
    const UniqueFd file(::open(a.c_str(), O_RDONLY | O_CLOEXEC));
    CHECK(FileMark::of(file.get(), a) == FileMark::at(a));
  }

  TEST_CASE("two files are not the same one, whatever their times and lengths") {
    const TempDir directory;
    for (const char* name : {"a", "b"}) {
      directory.write(name, "12345");
      set_time(directory.file(name));
    }
    const FileMark a = *FileMark::at(directory.file("a"));
    const FileMark b = *FileMark::at(directory.file("b"));
    CHECK(a != b);
    CHECK_FALSE(a.is_same_file(b));
  }

  TEST_CASE("a file that was written to, cut or renamed is the same one, if its birth is known") {
    const TempDir directory;
    directory.write("a", "12345");
    FileMark before = *FileMark::at(directory.file("a"));
    set_time(directory.file("a"));
    std::filesystem::resize_file(directory.file("a"), 2);
    std::filesystem::rename(directory.file("a"), directory.file("b"));
    const FileMark after = *FileMark::at(directory.file("b"));
    CHECK(after.is_same_file(before) == (after.birth_ns != 0));
  }

  TEST_CASE("a file that took over the inode of another is not the same one") {
    const FileMark first{.length = 5, .inode = 7, .birth_ns = 1'000, .mtime_ns = 2'000};
    FileMark second = first;
    CHECK(second.is_same_file(first));
    second.birth_ns = 1'001;
    CHECK_FALSE(second.is_same_file(first));
    CHECK(second != first);
  }

  TEST_CASE("where a file system keeps no time of birth, only an unchanged file is known again") {
    const FileMark mark{.length = 5, .inode = 7, .birth_ns = 0, .mtime_ns = 2'000};
    CHECK_FALSE(mark.is_same_file(mark));
    CHECK(mark == FileMark(mark));
  }

  TEST_CASE("what is not there has no mark") {
    const TempDir directory;
    CHECK_FALSE(FileMark::at(directory.file("none")));
    CHECK_THROWS_AS(FileMark::of(-1, "none"), std::system_error);
  }
}

}  // namespace
}  // namespace piecework::peer
