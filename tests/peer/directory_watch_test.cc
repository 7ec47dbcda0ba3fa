#include "peer/directory_watch.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/captured_log.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {
namespace {

using Names = std::map<std::string, bool>;

TEST_SUITE("directory_watch") {
  TEST_CASE("what is written, moved in, moved away and removed is told by name") {
    TempDir dir;
    DirectoryWatch watch(dir.path());
    dir.write("before", "");
    CHECK_FALSE(watch.read());
    watch.renew();
    CHECK_FALSE(watch.read());
    dir.write("written", "x");
    std::filesystem::rename(dir.file("before"), dir.file("after"));
    auto events = watch.read();
    REQUIRE(events);
    CHECK(events->complete);
    CHECK(events->gone_by_name == Names{{"written", false}, {"before", true}, {"after", false}});
    std::filesystem::remove(dir.file("written"));
    events = watch.read();
    REQUIRE(events);
    CHECK(events->gone_by_name == Names{{"written", true}});
    CHECK_FALSE(watch.read());
  }

  TEST_CASE("a directory in the place of the one that is watched is watched once renewed") {
    TempDir dir;
    std::filesystem::create_directory(dir.file("d"));
    DirectoryWatch watch(dir.file("d"));
    watch.renew();
    std::filesystem::rename(dir.file("d"), dir.file("old"));
    auto events = watch.read();
    REQUIRE(events);
    CHECK_FALSE(events->complete);
    std::filesystem::create_directory(dir.file("d"));
    watch.renew();
    dir.write("old/x", "");
    dir.write("d/y", "");
    Names names;
    while ((events = watch.read())) names.merge(events->gone_by_name);
    CHECK(names == Names{{"y", false}});
  }

  TEST_CASE("one that is not there is told of, and watched once it is") {
    CapturedLog log;
    TempDir dir;
    DirectoryWatch watch(dir.file("d"));
    watch.renew();
    CHECK(log.count("watch.failed") == 1);
    std::filesystem::create_directory(dir.file("d"));
    watch.renew();
    dir.write("d/x", "");
    CHECK(watch.read());
  }
}

}  // namespace
}  // namespace piecework::peer
