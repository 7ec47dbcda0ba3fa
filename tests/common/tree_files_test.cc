#include "common/tree_files.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace piecework {
namespace {

// "where: what", empty when all is well; every file has a byte.
std::string problem(const std::vector<std::string>& paths) {
  std::vector<TreeFile> files;
  for (const std::string& path : paths) files.push_back({.path = path, .length = 1});
  const auto found = tree_problem(files);
  return found ? std::to_string(found->file) + ": " + found->what : "";
}

TEST_SUITE("tree_files") {
  TEST_CASE("a tree in the order of bytes is taken") {
    CHECK(problem({"a"}).empty());
    CHECK(problem({"a", "b"}).empty());
    CHECK(problem({"B", "a"}).empty());
    CHECK(problem({"a-b", "a/b", "a0"}).empty());
    CHECK(problem({"a/b/c", "a/b/d", "a/c", "ab", "\xc3\xa9"}).empty());
  }

  TEST_CASE("a path that may not be is refused, naming it") {
    CHECK(problem({"../a"}) == "0: path: must not hold . or ..");
    CHECK(problem({"a", "b/"}) == "1: path: must not end with a slash");
  }

  TEST_CASE("a path that is there twice or not in order is refused") {
    CHECK(problem({"a", "a"}) == "1: path: is there twice");
    CHECK(problem({"b", "a"}) ==
          "1: path: must come before the one before it, in the order of bytes");
    CHECK(problem({"a", "b", "a"}) ==
          "2: path: must come before the one before it, in the order of bytes");
    CHECK(problem({"a/b", "a-b"}).starts_with("1: path: must come before"));
  }

  TEST_CASE("a file in whose place another needs a directory is refused, wherever they stand") {
    const std::string below = ": path: is below another file of the list";
    CHECK(problem({"a", "a/b"}) == "1" + below);
    CHECK(problem({"a", "a!", "a-b", "a/b"}) == "3" + below);
    CHECK(problem({"a", "a-/x", "a-b/y", "a.c", "a/b/c/d"}) == "4" + below);
    CHECK(problem({"x/a", "x/a/b"}) == "1" + below);
    CHECK(problem({"x/a", "y/a/b"}).empty());
    CHECK(problem({"a", "ab/c"}).empty());
  }

  TEST_CASE("too much text, or too many bytes, are refused") {
    std::vector<TreeFile> files;
    for (int i = 0; i < (16 << 10) + 1; ++i) {
      const std::string number = std::to_string(100'000 + i);
      std::string path = number;
      while (path.size() < 1024) path += "/" + std::string(100, 'x');
      path.resize(1024);
      if (path.back() == '/') path.back() = 'x';
      files.push_back({.path = path, .length = 0});
    }
    auto found = tree_problem(files);
    REQUIRE(found);
    CHECK(found->file == 16 << 10);
    CHECK(found->what == "path: all paths together have more than 16 MiB");
    files.pop_back();
    CHECK_FALSE(tree_problem(files));

    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    const std::uint64_t kBeyond[][2] = {
        {kMost, 1}, {1, kMost}, {kMost + 1, 0}, {1, std::numeric_limits<std::uint64_t>::max()}};
    for (const auto& lengths : kBeyond) {
      found = tree_problem({{"a", lengths[0]}, {"b", lengths[1]}});
      REQUIRE(found);
      CHECK(found->what == "length: all files together have more than 2^63 - 1 bytes");
    }
    CHECK_FALSE(tree_problem({{"a", kMost - 1}, {"b", 1}, {"c", 0}}));
  }
}

}  // namespace
}  // namespace piecework
