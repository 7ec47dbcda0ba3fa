#include "common/file_names.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace piecework {
namespace {

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST_SUITE("file_names") {
  TEST_CASE("the longest file name and the odd but harmless ones are taken") {
    for (const std::string& name :
         {std::string(250, 'x'), std::string("..."), std::string(".hidden"), std::string(" "),
          std::string("part"), std::string("a\\b"), std::string("\xc3\xa9"), std::string("-o")}) {
      CHECK(file_name_problem(name).empty());
    }
    CHECK(file_name_problem(".part") == "must not end in .part");
    CHECK(file_name_problem("\xff") == "must be UTF-8");
    CHECK(file_name_problem("\xed\xa0\x80") == "must be UTF-8");
  }

  TEST_CASE("paths in a tree are taken, the odd but harmless ones too") {
    for (const std::string& path :
         {std::string("a"), std::string("a/b/c"), std::string(".hidden/..."), std::string("a b/ "),
          std::string("x.part"), std::string("\xc3\xa9/\xf0\x9f\x98\x80"), std::string("-o/*?"),
          std::string("a\\..\\b"), std::string(255, 'x') + "/" + std::string(255, 'y'),
          repeated("a/", 511) + "bc", repeated("...../", 3) + "..a/b.."}) {
      CAPTURE(path);
      CHECK(tree_path_problem(path).empty());
    }
  }

  TEST_CASE("paths that lead elsewhere, or cannot be, are refused") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "must not be empty"},
        {"/", "must not begin with a slash"},
        {"/etc/passwd", "must not begin with a slash"},
        {"//a", "must not begin with a slash"},
        {"a/", "must not end with a slash"},
        {"a//b", "must not hold an empty name between slashes"},
        {".", "must not hold . or .."},
        {"..", "must not hold . or .."},
        {"../a", "must not hold . or .."},
        {"a/../b", "must not hold . or .."},
        {"a/..", "must not hold . or .."},
        {"./a", "must not hold . or .."},
        {"a/./b", "must not hold . or .."},
        {"a\nb", "must not hold a control character"},
        {std::string("a\0b", 3), "must not hold a control character"},
        {"a\x7f/b", "must not hold a control character"},
        {"a/\xc2\x85", "must not hold a control character"},
        {"a/\xff", "must be UTF-8"},
        {"\xed\xa0\x80", "must be UTF-8"},
        {"a/" + std::string(256, 'x') + "/b", "must not hold a name of more than 255 bytes"},
        {std::string(256, 'x'), "must not hold a name of more than 255 bytes"},
        {repeated("a/", 512) + "b", "must be at most 1024 bytes"},
    };
    for (const auto& [path, problem] : cases) {
      CAPTURE(path);
      CHECK(tree_path_problem(path) == problem);
    }
  }
}

}  // namespace
}  // namespace piecework
