#include "common/daemon_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "common/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

TEST_SUITE("daemon_files") {
  TEST_CASE("directories above a path are made, and a bare name needs none") {
    TempDir dir;
    make_parent_directories(dir.file("a/b/c"));
    CHECK(std::filesystem::is_directory(dir.file("a/b")));
    CHECK_FALSE(std::filesystem::exists(dir.file("a/b/c")));
    make_parent_directories(dir.file("a/b/c"));
    make_parent_directories("name");
    dir.write("file", "");
    CHECK_THROWS_AS(make_parent_directories(dir.file("file/x/y")), CreateError);
    make_directories(dir.file("d/e"));
    make_directories(dir.file("d/e"));
    CHECK(std::filesystem::is_directory(dir.file("d/e")));
    CHECK_THROWS_AS(make_directories(dir.file("file/x")), CreateError);
  }

  TEST_CASE("two names of one place are equal, whether it is there or not") {
    TempDir dir;
    std::filesystem::create_directory(dir.file("real"));
    std::filesystem::create_directory_symlink("real", dir.file("link"));
    dir.write("real/file", "");
    const std::string root = canonical_path(dir.path());
    for (const char* name : {"real", "link", "real/", "link//", "./real", "real/../link/."}) {
      CAPTURE(name);
      CHECK(canonical_path(dir.file(name)) == root + "/real");
    }
    CHECK(canonical_path(dir.file("link/file")) == root + "/real/file");
    CHECK(canonical_path(dir.file("link/none/./x/../y/")) == root + "/real/none/y");
    CHECK(canonical_path(dir.file("real/file/x")) == root + "/real/file/x");
    CHECK(canonical_path("none") == (std::filesystem::current_path() / "none").string());
    CHECK(canonical_path("/") == "/");
    CHECK(canonical_path("/none/..") == "/");
  }

  TEST_CASE("descriptors run short when only the last quarter is left") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK_FALSE(descriptors_run_short());
    std::vector<UniqueFd> open;
    open.emplace_back(::open("/", O_PATH | O_CLOEXEC));
    const auto first = static_cast<rlim_t>(open.front().get());
    const rlimit small{.rlim_cur = 4 * (first + 10), .rlim_max = before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &small) == 0);
    std::size_t taken = 1;
    for (; !descriptors_run_short() && taken < small.rlim_cur; ++taken) {
      open.emplace_back(::open("/", O_PATH | O_CLOEXEC));
    }
    CHECK(static_cast<rlim_t>(open.back().get()) == 3 * (first + 10) - 1);
    while (open.back().valid()) open.emplace_back(::open("/", O_PATH | O_CLOEXEC));
    CHECK(descriptors_run_short());
    open.clear();
    CHECK_FALSE(descriptors_run_short());
    CHECK(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  }

  TEST_CASE("a log is opened with its directory") {
    TempDir dir;
    open_daemon_log("test", dir.file("logs/x.log"), PathChoice::kConfigured, LogLevel::kInfo);
    log_info("test.line", {});
    log_open("-", LogLevel::kInfo);
    CHECK(dir.read("logs/x.log").ends_with(" info test.line\n"));
  }

  TEST_CASE("a configured log that cannot be opened is an error, a default one is not") {
    TempDir dir;
    dir.write("file", "");
    const std::string path = dir.file("file/x.log");
    CHECK_THROWS_AS(open_daemon_log("test", path, PathChoice::kConfigured, LogLevel::kInfo),
                    std::system_error);
    open_daemon_log("test", path, PathChoice::kDefault, LogLevel::kInfo);
  }
}

}  // namespace
}  // namespace piecework
