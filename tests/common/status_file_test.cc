#include "common/status_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

TEST_SUITE("status_file") {
  TEST_CASE("the file is made with its directory, replaced when the text changes, and removed") {
    TempDir dir;
    StatusFile file(dir.file("a/b/status.json"));
    file.create("test", PathChoice::kConfigured, "{}\n");
    CHECK(dir.read("a/b/status.json") == "{}\n");
    struct stat info {};
    REQUIRE(::stat(dir.file("a/b/status.json").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0644);
    const auto first = info.st_ino;
    file.update("{}\n");
    REQUIRE(::stat(dir.file("a/b/status.json").c_str(), &info) == 0);
    CHECK(info.st_ino == first);
    file.update("{\"x\": 1}\n");
    CHECK(dir.read("a/b/status.json") == "{\"x\": 1}\n");
    file.remove();
    CHECK_FALSE(std::filesystem::exists(dir.file("a/b/status.json")));
  }

  TEST_CASE("a configured path that cannot be used is an error, a default one is done without") {
    TempDir dir;
    dir.write("file", "");
    const std::string path = dir.file("file/status.json");
    StatusFile configured(path);
    CHECK_THROWS_AS(configured.create("test", PathChoice::kConfigured, "{}"), std::system_error);
    StatusFile built_in(path);
    built_in.create("test", PathChoice::kDefault, "{}");
    built_in.update("{}");
    built_in.remove();
    CHECK(dir.read("file").empty());
  }

  TEST_CASE("a file goes with its owner, and only one that was written") {
    TempDir dir;
    dir.write("kept", "somebody else's");
    {
      StatusFile file(dir.file("made"));
      file.create("test", PathChoice::kConfigured, "1");
      StatusFile never(dir.file("kept"));
    }
    CHECK_FALSE(std::filesystem::exists(dir.file("made")));
    CHECK(dir.read("kept") == "somebody else's");
    {
      StatusFile directory(dir.file("."));
      CHECK_THROWS_AS(directory.create("test", PathChoice::kConfigured, "1"), std::system_error);
    }
    CHECK(std::filesystem::exists(dir.file("kept")));
  }

  TEST_CASE("a file that a killed daemon left is taken over, another one is not touched") {
    TempDir dir;
    const std::string text = "{\n    \"version\": \"2\"\n}\n";
    for (const char* ours : {"", "{\n    \"version\": \"1\", and so on", "{\n    \"version\":"}) {
      CAPTURE(ours);
      dir.write("f", ours);
      StatusFile file(dir.file("f"));
      file.create("test", PathChoice::kConfigured, text);
      CHECK(dir.read("f") == text);
    }
    for (const char* precious : {"x", "\n", "{", "{\n    \"version\"", "{\n    \"name\": \"mine\"}",
                                 "listen: [\"127.0.0.1:0\"]\n"}) {
      CAPTURE(precious);
      dir.write("f", precious);
      {
        StatusFile file(dir.file("f"));
        CHECK_THROWS_WITH_AS(file.create("test", PathChoice::kConfigured, text),
                             doctest::Contains((dir.file("f") + ", which is no file").c_str()),
                             std::system_error);
        StatusFile built_in(dir.file("f"));
        built_in.create("test", PathChoice::kDefault, text);
        CHECK(built_in.update("later"));
      }
      CHECK(dir.read("f") == precious);
    }
  }

  TEST_CASE("of somebody else's file its beginning is told, so that it can be printed") {
    TempDir dir;
    dir.write("f", "\x1b[2Jmy precious notes");
    StatusFile file(dir.file("f"));
    CHECK_THROWS_WITH_AS(file.create("test", PathChoice::kConfigured, "{}"),
                         doctest::Contains("begins with \"\\x1b[2Jmy precious \": File exists"),
                         std::system_error);
  }

  TEST_CASE("a file takes the place of another, which goes") {
    TempDir dir;
    StatusFile file(dir.file("old"));
    file.create("test", PathChoice::kConfigured, "1");
    StatusFile other(dir.file("new"));
    other.create("test", PathChoice::kConfigured, "2");
    file = std::move(other);
    CHECK_FALSE(std::filesystem::exists(dir.file("old")));
    file.update("3");
    CHECK(dir.read("new") == "3");
    file = StatusFile("");
    CHECK_FALSE(std::filesystem::exists(dir.file("new")));
  }

  TEST_CASE("a file whose text stays is made younger, and one that has gone is made anew") {
    TempDir dir;
    StatusFile file(dir.file("f"));
    file.create("test", PathChoice::kConfigured, "1");
    const TimePoint now = Clock::now();
    const auto make_old = [&] {
      std::filesystem::last_write_time(dir.file("f"), std::filesystem::file_time_type());
    };
    const auto is_old = [&] {
      return std::filesystem::last_write_time(dir.file("f")) == std::filesystem::file_time_type();
    };
    make_old();
    CHECK(file.update("1", now + kStatusRefresh - seconds(1)));
    CHECK(is_old());
    CHECK(file.confirm(now + kStatusRefresh));
    CHECK_FALSE(is_old());
    make_old();
    CHECK(file.update("1", now + 2 * kStatusRefresh));
    CHECK_FALSE(is_old());
    std::filesystem::remove(dir.file("f"));
    CHECK_FALSE(file.confirm(now + 3 * kStatusRefresh));
    CHECK(file.update("1", now + 3 * kStatusRefresh));
    CHECK(dir.read("f") == "1");
  }

  TEST_CASE("an empty path is no file") {
    StatusFile file("");
    file.create("test", PathChoice::kConfigured, "{}");
    file.update("{}");
    file.remove();
  }

  TEST_CASE("an update that fails is made up for later") {
    TempDir dir;
    std::filesystem::create_directory(dir.file("d"));
    StatusFile file(dir.file("d/status.json"));
    file.create("test", PathChoice::kConfigured, "1");
    std::filesystem::remove_all(dir.file("d"));
    CHECK_FALSE(file.update("2"));
    CHECK_FALSE(file.confirm());
    std::filesystem::create_directory(dir.file("d"));
    CHECK(file.update("2"));
    CHECK(dir.read("d/status.json") == "2");
  }
}

}  // namespace
}  // namespace piecework
