#include "peer/download_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <system_error>

#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

// The error of `call`, which is to name `named`; none when it succeeds.
std::error_code error_of(const std::function<void()>& call, const std::string& named) {
  try {
    call();
    return {};
  } catch (const std::system_error& error) {
    CAPTURE(error.what());
    CHECK(std::string(error.what()).find(named) != std::string::npos);
    return error.code();
  }
}

mode_t mode_of(const UniqueFd& file) {
  struct stat status;
  REQUIRE(::fstat(file.get(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_SUITE("download_dir") {
  TEST_CASE("the directory is made when it is missing, with those above it") {
    const TempDir temp;
    const DownloadDir directory(temp.file("a/b/c"), {});
    CHECK(std::filesystem::is_directory(temp.file("a/b/c")));
    CHECK(directory.path() == temp.file("a/b/c"));
    CHECK(directory.path_of("x") == temp.file("a/b/c/x"));
    CHECK(directory.part_path_of("x") == temp.file("a/b/c/x.part"));
    const DownloadDir again(temp.file("a/b/c"), {});
  }

  TEST_CASE("what cannot be a directory is refused naming it") {
    const TempDir temp;
    temp.write("file", "");
    CHECK(error_of([&] { DownloadDir(temp.file("file"), {}); }, temp.file("file")));
    CHECK(error_of([&] { DownloadDir(temp.file("file/below"), {}); }, temp.file("file/below")));
  }

  TEST_CASE("a file is opened when it is there, and nothing is there when it is not") {
    const TempDir temp;
    temp.write("video.mp4", "data");
    const DownloadDir directory(temp.path(), {});
    CHECK(directory.open_existing("video.mp4", O_RDONLY).valid());
    CHECK(directory.open_existing("video.mp4", O_RDWR).valid());
    CHECK_FALSE(directory.open_existing("video.mp3", O_RDONLY).valid());
    CHECK_FALSE(directory.open_existing("video.mp4.part", O_RDWR).valid());
  }

  TEST_CASE("symbolic links are not followed, wherever they lead") {
    const TempDir temp;
    const TempDir outside;
    outside.write("secret", "data");
    temp.write("inside", "data");
    const DownloadDir directory(temp.path(), {});
    namespace fs = std::filesystem;
    fs::create_symlink(outside.file("secret"), temp.file("absolute"));
    fs::create_symlink("inside", temp.file("beside"));
    fs::create_symlink("nowhere", temp.file("dangling"));
    fs::create_directory_symlink(outside.path(), temp.file("dir"));
    for (const std::string name : {"absolute", "beside", "dangling", "dir", "dir/secret"}) {
      CAPTURE(name);
      for (const int flags : {O_RDONLY, O_RDWR}) {
        CHECK(error_of([&] { directory.open_existing(name, flags); }, name));
      }
      CHECK(error_of([&] { directory.create(name); }, name));
    }
    CHECK(error_of([&] { directory.create("dir/new"); }, "dir/new"));
    CHECK_FALSE(fs::exists(outside.file("new")));
    CHECK_FALSE(fs::exists(temp.file("nowhere")));
  }

  TEST_CASE("names that lead out of the directory are refused") {
    const TempDir temp;
    temp.write("secret", "data");
    const DownloadDir directory(temp.file("downloads"), {});
    for (const std::string name : {"../secret", "/etc/passwd", "..", "./../secret", ""}) {
      CAPTURE(name);
      CHECK(error_of(
          [&] {
            if (!directory.open_existing(name, O_RDONLY).valid()) {
              throw std::system_error(ENOENT, std::generic_category(), name);
            }
          },
          name));
      CHECK(error_of([&] { directory.create(name); }, name));
    }
    CHECK(error_of([&] { directory.create("../new"); }, "../new"));
    CHECK_FALSE(std::filesystem::exists(temp.file("new")));
  }

  TEST_CASE("only regular files are opened, and a FIFO does not hold anyone up") {
    const TempDir temp;
    const DownloadDir directory(temp.path(), {});
    REQUIRE(::mkfifo(temp.file("fifo").c_str(), 0600) == 0);
    std::filesystem::create_directory(temp.file("sub"));
    CHECK(error_of([&] { directory.open_existing("fifo", O_RDONLY); }, "fifo") ==
          std::errc::invalid_argument);
    CHECK(error_of([&] { directory.open_existing("fifo", O_RDWR); }, "fifo") ==
          std::errc::invalid_argument);
    CHECK(error_of([&] { directory.open_existing("sub", O_RDONLY); }, "sub") ==
          std::errc::is_a_directory);
    CHECK(error_of([&] { directory.open_existing("sub", O_RDWR); }, "sub") ==
          std::errc::is_a_directory);
  }

  TEST_CASE("a new file is empty, can be read and written, and has the mode and group asked for") {
    const TempDir temp;
    const gid_t group = ::geteuid() == 0 ? 1 : ::getegid();
    const mode_t before = ::umask(077);
    const DownloadDir directory(temp.path(), {.file_mode = 0664, .group = group});
    const UniqueFd file = directory.create("new");
    ::umask(before);
    CHECK(mode_of(file) == 0664);
    struct stat status;
    REQUIRE(::fstat(file.get(), &status) == 0);
    CHECK(status.st_gid == group);
    CHECK(status.st_size == 0);
    CHECK(::pwrite(file.get(), "x", 1, 0) == 1);
    char c = 0;
    CHECK(::pread(file.get(), &c, 1, 0) == 1);
    CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(mode_of(DownloadDir(temp.path(), {}).create("plain")) == 0644);
  }

  TEST_CASE("creating does not touch what is there") {
    const TempDir temp;
    temp.write("old", "data");
    const DownloadDir directory(temp.path(), {});
    CHECK(error_of([&] { directory.create("old"); }, "old") == std::errc::file_exists);
    CHECK(temp.read("old") == "data");
  }

  TEST_CASE("renaming never replaces a file") {
    const TempDir temp;
    temp.write("a.part", "new");
    const DownloadDir directory(temp.path(), {});
    directory.rename("a.part", "a");
    CHECK(temp.read("a") == "new");
    CHECK_FALSE(std::filesystem::exists(temp.file("a.part")));

    temp.write("a.part", "newer");
    CHECK(error_of([&] { directory.rename("a.part", "a"); }, "a.part") == std::errc::file_exists);
    CHECK(temp.read("a") == "new");
    CHECK(temp.read("a.part") == "newer");
    CHECK(error_of([&] { directory.rename("b.part", "b"); }, "b.part") ==
          std::errc::no_such_file_or_directory);
  }

  TEST_CASE("an executable file may be run by whoever may read it") {
    const TempDir temp;
    const DownloadDir directory(temp.path(), {.file_mode = 0640, .group = {}});
    const UniqueFd file = directory.create("run", true);
    CHECK(mode_of(file) == 0750);
    directory.set_executable(file.get(), "run", true);
    CHECK(mode_of(file) == 0750);
    directory.set_executable(file.get(), "run", false);
    CHECK(mode_of(file) == 0640);
    directory.set_executable(file.get(), "run", true);
    CHECK(mode_of(file) == 0750);
  }

  TEST_CASE("directories are made below it, with a mode that goes with the files'") {
    const TempDir temp;
    const mode_t before = ::umask(077);
    const DownloadDir directory(temp.path(), {.file_mode = 0664, .group = {}});
    directory.make_directory("a");
    directory.make_directory("a/b c");
    directory.make_directory("a/b c");  // is there
    DownloadDir(temp.path(), {.file_mode = 0400, .group = {}}).make_directory("own");
    ::umask(before);
    struct stat status;
    for (const char* name : {"a", "a/b c"}) {
      REQUIRE(::stat(temp.file(name).c_str(), &status) == 0);
      CHECK((status.st_mode & 07777) == 0775);
    }
    REQUIRE(::stat(temp.file("own").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0700);
    CHECK(directory.create("a/b c/file").valid());
    CHECK(directory.open_existing("a/b c/file", O_RDONLY).valid());
    CHECK(directory.mark_of("a/b c/file") == FileMark::at(temp.file("a/b c/file")));
    CHECK(error_of([&] { directory.make_directory("x/y"); }, "x") ==
          std::errc::no_such_file_or_directory);
  }

  TEST_CASE("a directory is not made, opened or marked through a link, or in a file's place") {
    const TempDir temp;
    const TempDir outside;
    outside.write("secret", "data");
    temp.write("file", "");
    namespace fs = std::filesystem;
    fs::create_directory_symlink(outside.path(), temp.file("dir"));
    const DownloadDir directory(temp.path(), {});
    for (const std::string name : {"dir", "dir/new", "../new", "file", "file/new"}) {
      CAPTURE(name);
      CHECK(error_of([&] { directory.make_directory(name); }, temp.path()));
    }
    CHECK_FALSE(fs::exists(outside.file("new")));
    CHECK_FALSE(directory.mark_of("dir/secret"));
    CHECK_FALSE(directory.mark_of("dir"));
    CHECK_FALSE(directory.mark_of("none"));
    CHECK(error_of([&] { directory.open_directory("dir"); }, "dir"));
    CHECK(error_of([&] { directory.open_directory("file"); }, "file") ==
          std::errc::not_a_directory);
    CHECK(directory.open_directory("none") == nullptr);
  }

  TEST_CASE("a directory below keeps to the same rules, also when it is renamed") {
    const TempDir temp;
    const DownloadDir directory(temp.path(), {.file_mode = 0600, .group = {}});
    directory.make_directory("tree.part");
    const auto tree = directory.open_directory("tree.part");
    REQUIRE(tree);
    CHECK(tree->path() == temp.file("tree.part"));
    CHECK(mode_of(tree->create("a")) == 0600);
    CHECK(error_of([&] { tree->create("../out"); }, "out"));
    directory.rename("tree.part", "tree");
    CHECK(tree->create("b").valid());
    CHECK(std::filesystem::exists(temp.file("tree/b")));
    CHECK(directory.open_directory("tree")->is_same_directory(*tree));
    CHECK_FALSE(directory.is_same_directory(*tree));
    directory.make_directory("tree.part");
    CHECK(error_of([&] { directory.rename("tree.part", "tree"); }, "tree.part") ==
          std::errc::file_exists);
    tree->sync_all();
  }

  TEST_CASE("what is there is told, and removed; a link, not what it leads to") {
    const TempDir temp;
    const TempDir outside;
    outside.write("kept", "data");
    temp.write("file", "data");
    namespace fs = std::filesystem;
    fs::create_symlink(outside.file("kept"), temp.file("link"));
    fs::create_directory(temp.file("sub"));
    const DownloadDir directory(temp.path(), {});
    for (const std::string name : {"file", "link"}) {
      CHECK(directory.exists(name));
      directory.remove(name);
      CHECK_FALSE(directory.exists(name));
      CHECK(error_of([&] { directory.remove(name); }, name) ==
            std::errc::no_such_file_or_directory);
    }
    CHECK(error_of([&] { directory.remove("sub"); }, "sub"));
    CHECK(outside.read("kept") == "data");
  }

  TEST_CASE(
      "of what is below it the files named are removed, and directories that are empty then") {
    const TempDir temp;
    const TempDir outside;
    outside.write("x", "data");
    namespace fs = std::filesystem;
    fs::create_directories(temp.file("tree/a/b"));
    fs::create_directories(temp.file("tree/c"));
    for (const char* name : {"tree/a/b/x", "tree/a/y", "tree/c/x", "tree/c/mine", "tree/z"}) {
      temp.write(name, "data");
    }
    fs::create_directory_symlink(outside.path(), temp.file("tree/link"));
    const DownloadDir directory(temp.path(), {});
    const auto tree = directory.open_directory("tree");
    CHECK(error_of([&] { tree->remove_below({"link/x"}); }, "link/x"));
    CHECK(error_of([&] { tree->remove_below({"../tree/z"}); }, "z"));
    tree->remove_below({"a/b/x", "a/y", "c/x", "gone", "z"});
    CHECK_FALSE(fs::exists(temp.file("tree/a")));
    CHECK(temp.read("tree/c/mine") == "data");
    CHECK(outside.read("x") == "data");
    CHECK(error_of([&] { directory.remove_directory("tree"); }, "tree") ==
          std::errc::directory_not_empty);
    fs::remove(temp.file("tree/c/mine"));
    fs::remove(temp.file("tree/link"));
    tree->remove_below({"c/mine"});
    directory.remove_directory("tree");
    CHECK_FALSE(fs::exists(temp.file("tree")));
  }

  TEST_CASE("it stays the same directory when its name is taken by another") {
    const TempDir temp;
    const DownloadDir directory(temp.file("downloads"), {});
    std::filesystem::rename(temp.file("downloads"), temp.file("moved"));
    std::filesystem::create_directory(temp.file("downloads"));
    directory.create("file");
    CHECK(std::filesystem::exists(temp.file("moved/file")));
    CHECK_FALSE(std::filesystem::exists(temp.file("downloads/file")));
  }

  TEST_CASE("free space is what statvfs says") {
    const TempDir temp;
    const DownloadDir directory(temp.path(), {});
    CHECK(directory.free_bytes() > 0);
    CHECK(directory.free_bytes() <= std::filesystem::space(temp.path()).capacity);
  }
}

}  // namespace
}  // namespace piecework::peer
