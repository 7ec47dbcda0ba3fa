#include "common/yaml_file.h"

#include <doctest/doctest.h>

#include "common/errors.h"

namespace piecework {
namespace {

using Kind = YamlNode::Kind;

TEST_SUITE("yaml_file") {
  TEST_CASE("the tree keeps order, kinds, quotes and places") {
    const YamlNode root = parse_yaml("# c\nb: 1\na:\n  - 'x'\n  - y: {}\nn:\n", "f");
    REQUIRE(root.kind == Kind::kMap);
    REQUIRE(root.children.size() == 3);
    CHECK(root.children[0].key == "b");
    CHECK(root.children[0].key_at.line == 2);
    CHECK(root.children[0].key_at.column == 1);
    CHECK(root.children[0].at.column == 4);
    CHECK(root.children[0].text == "1");
    CHECK_FALSE(root.children[0].quoted);
    const YamlNode& list = root.children[1];
    REQUIRE(list.kind == Kind::kList);
    REQUIRE(list.children.size() == 2);
    CHECK(list.children[0].quoted);
    CHECK(list.children[1].kind == Kind::kMap);
    CHECK(list.children[1].children[0].kind == Kind::kMap);
    CHECK(root.children[2].kind == Kind::kNull);
  }

  TEST_CASE("an empty document is a null") {
    CHECK(parse_yaml("", "f").kind == Kind::kNull);
    CHECK(parse_yaml("# nothing\n", "f").kind == Kind::kNull);
  }

  TEST_CASE("columns count bytes") {
    const YamlNode root = parse_yaml("{\xc3\xa9: \xe2\x82\xac, b: 2}", "f");
    REQUIRE(root.children.size() == 2);
    CHECK(root.children[1].key_at.column == 11);
  }

  TEST_CASE("an error is placed in the file that was named") {
    CHECK_THROWS_WITH_AS(parse_yaml("a: 1\na: 2\n", "/etc/x.yaml"),
                         "/etc/x.yaml:2:1: a: duplicate key, first given in line 1", ConfigError);
  }

  TEST_CASE("nesting is taken up to the bound") {
    CHECK_NOTHROW(parse_yaml("[[[[[[[[1]]]]]]]]", "f"));
    CHECK_THROWS_AS(parse_yaml("[[[[[[[[[1]]]]]]]]]", "f"), ConfigError);
  }
}

}  // namespace
}  // namespace piecework
