#include "peer/source_files.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "common/errors.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

namespace fs = std::filesystem;

std::string problem(const TempDir& temp) {
  try {
    source_directory(temp.path());
    return "none";
  } catch (const TorrentError& error) {
    return error.what();
  }
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_SUITE("source_files") {
  TEST_CASE("a directory is listed in the order of bytes, with lengths and who may run what") {
    const TempDir temp;
    fs::create_directories(temp.file("a"));
    fs::create_directories(temp.file("none/at all"));
    temp.write("a/x", "12345");
    temp.write("a-b", "");
    temp.write("Z", "1");
    temp.write(".hidden", "123");
    temp.write("\xc3\xa9 \xe2\x82\xac", "12");
    REQUIRE(::chmod(temp.file("Z").c_str(), 0700) == 0);
    REQUIRE(::chmod(temp.file("a/x").c_str(), 0655) == 0);
    const SourceFiles source = source_directory(temp.path());
    CHECK(
        source.files ==
        std::vector<TreeFile>{
            {".hidden", 3}, {"Z", 1, true}, {"a-b", 0}, {"a/x", 5}, {"\xc3\xa9 \xe2\x82\xac", 2}});
    CHECK(source.paths[3] == temp.file("a/x"));
    CHECK(source.total_bytes() == 11);
    CHECK(source.empty_directories == 1);
    CHECK_FALSE(source.changed());
    temp.write("a/x", "123456");
    CHECK(source.changed() == temp.file("a/x"));
    fs::remove(temp.file("Z"));
    CHECK(source.changed() == temp.file("Z"));
  }

  TEST_CASE("a file is one source, whatever is beside it") {
    const TempDir temp;
    temp.write("a", "12345");
    const SourceFiles source = source_file(temp.file("a"));
    CHECK(source.files.empty());
    CHECK(source.total_bytes() == 5);
    CHECK(source.paths == std::vector<std::string>{temp.file("a")});
    CHECK_FALSE(source.changed());
    CHECK_THROWS_AS(source_file(temp.file("b")), std::system_error);
  }

  TEST_CASE("links, special files and impossible names are refused, naming them") {
    const TempDir temp;
    fs::create_directory(temp.file("sub"));
    temp.write("sub/file", "");
    fs::create_symlink("file", temp.file("sub/link"));
    CHECK(has(problem(temp), temp.file("sub/link") + ": is a symbolic link"));
    fs::remove(temp.file("sub/link"));
    fs::create_directory_symlink(".", temp.file("loop"));
    CHECK(has(problem(temp), "/loop: is a symbolic link"));
    fs::remove(temp.file("loop"));
    REQUIRE(::mkfifo(temp.file("fifo").c_str(), 0600) == 0);
    CHECK(has(problem(temp), "/fifo: is a FIFO"));
    fs::remove(temp.file("fifo"));
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, temp.file("s").c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
    CHECK(has(problem(temp), "/s: is a socket"));
    fs::remove(temp.file("s"));
    temp.write("sub/a\nb", "");
    CHECK(has(problem(temp), ": its path must not hold a control character"));
    fs::remove(temp.file("sub/a\nb"));
    temp.write("\xff", "");
    CHECK(has(problem(temp), ": its path must be UTF-8"));
    fs::remove(temp.file("\xff"));
    CHECK(problem(temp) == "none");
  }

  TEST_CASE("a directory without files, or that is none, is no source") {
    const TempDir temp;
    CHECK(has(problem(temp), temp.path() + ": holds no files"));
    fs::create_directories(temp.file("a/b"));
    CHECK(has(problem(temp), ": holds no files"));
    CHECK_THROWS_AS(source_directory(temp.file("none")), std::system_error);
    temp.write("file", "");
    CHECK_THROWS_AS(source_directory(temp.file("file")), std::system_error);
  }

  TEST_CASE("a source is opened when it is a file, and not through a link") {
    const TempDir temp;
    temp.write("file", "x");
    fs::create_symlink("file", temp.file("link"));
    REQUIRE(::mkfifo(temp.file("fifo").c_str(), 0600) == 0);
    CHECK(open_source(temp.file("file")).valid());
    for (const char* name : {"link", "fifo", "none"}) {
      CHECK_THROWS_AS(open_source(temp.file(name)), std::system_error);
    }
    CHECK_THROWS_AS(open_source(temp.path()), std::system_error);
  }
}

}  // namespace
}  // namespace piecework::peer
