#include "common/json.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

namespace piecework {
namespace {

std::string error_of(std::string_view text) {
  try {
    Json::parse(text);
  } catch (const JsonError& error) {
    return error.what();
  }
  return "";
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + "1" + std::string(depth, ']');
}

std::string object_with_keys(int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  return text;
}

TEST_SUITE("json") {
  TEST_CASE("every kind of value is read as what it is") {
    const Json json = Json::parse(R"( {"n": null, "t": true, "u": 18446744073709551615, "i": -12,
        "d": -1.5e3, "s": "a\u00e9\n\ud83d\ude00", "a": [1, [], {}], "z": -0} )");
    CHECK(json.find("n")->is_null());
    CHECK(json.find("t")->boolean() == true);
    CHECK(json.find("u")->unsigned_integer() == std::numeric_limits<std::uint64_t>::max());
    CHECK(!json.find("i")->unsigned_integer());
    CHECK(json.find("i")->number() == -12.0);
    CHECK(json.find("d")->number() == -1500.0);
    CHECK(!json.find("d")->unsigned_integer());
    CHECK(*json.find("s")->string() == "a\xc3\xa9\n\xf0\x9f\x98\x80");
    CHECK(json.find("a")->array()->size() == 3);
    CHECK(json.find("z")->unsigned_integer() == 0U);
    CHECK(json.find("missing") == nullptr);
    CHECK(Json(3).find("x") == nullptr);
  }

  TEST_CASE("a whole number written as a fraction is not taken for one") {
    CHECK(!Json::parse("1.0").unsigned_integer());
    CHECK(!Json::parse("1e3").unsigned_integer());
    CHECK(Json::parse("1e3").number() == 1000.0);
  }

  TEST_CASE("bad text is refused with the offset or the key") {
    struct Case {
      std::string text;
      std::string error;  // what the message begins with
    };
    using namespace std::string_literals;
    const std::vector<Case> cases = {
        {"", "offset 0: "},
        {"   ", "offset 3: "},
        {"\0"s, "offset 0: "},
        {"{", "offset 1: "},
        {"{\"a\":1", "offset 6: "},
        {"[1,]", "offset 3: "},
        {"{\"a\":1,}", "offset 7: "},
        {"{a:1}", "offset 1: "},
        {"[01]", "offset 2: "},
        {"[+1]", "offset 1: "},
        {"[1.]", "offset 3: "},
        {"[.5]", "offset 1: "},
        {"[1e]", "offset 3: "},
        {"[NaN]", "offset 1: "},
        {"[Infinity]", "offset 1: "},
        {"[tru]", "offset "},
        {"'a'", "offset 0: "},
        {"[1] // no", "offset 4: "},
        {"{} {}", "offset 3: "},
        {"{}x", "offset 2: "},
        {"{}\0"s, "offset 2: a NUL byte"},
        {"{}\0{}"s, "offset 2: a NUL byte"},
        {"{\"a\":\0 1}"s, "offset 5: "},
        {"\xef\xbb\xbf{}", "offset 0: "},
        {"\"a\nb\"", "offset 2: "},
        {"\"a\0b\""s, "offset 2: "},
        {"\"\\x41\"", "offset 1: "},
        {"\"\\u12g4\"", "offset 1: "},
        {"\"\\ud800\"", "offset 1: "},
        {"\"\\ud800\\u0041\"", "offset 1: "},
        {"\"abc", "offset 4: "},
        {"\"\xff\"", "offset "},
        {"\"\xc0\xaf\"", "offset "},
        {"\"\xed\xa0\x80\"", "offset "},
        {"\"\xf4\x90\x80\x80\"", "offset "},
        {"\"\xe2\x82\"", "offset "},
        {"\"\\udc00\"", "the value: not UTF-8"},
        {"{\"\\udc00\":1}", "\"\\xed\\xb0\\x80\": key is not UTF-8"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "a: duplicate key"},
        {"{\"o\":{\"a\":1,\"\\u0061\":3}}", "o.a: duplicate key"},
        {"{\"o\":[{\"a\\n\":1,\"a\\n\":1}]}", "o[0].\"a\\n\": duplicate key"},
        {object_with_keys(100) + "\"k50\":1}", "k50: duplicate key"},
        {"18446744073709551616", "the value: number out of range"},
        {"{\"a\":[-9223372036854775809]}", "a[0]: number out of range"},
        {"[1e999]", "offset 1: "},
        {"[1e-999]", "[0]: number out of range"},
        {nested(9), "[0][0][0][0][0][0][0][0]: nested too deep"},
        {std::string(1'000'000, '['), "[0][0][0][0][0][0][0][0]: nested too deep"},
    };
    for (const Case& c : cases) {
      CAPTURE(c.text.substr(0, 80));
      const std::string error = error_of(c.text);
      CHECK_MESSAGE(error.starts_with(c.error), error);
      CHECK(!error.empty());
    }
  }

  TEST_CASE("the deepest nesting and the largest numbers allowed are taken") {
    CHECK(error_of(nested(8)).empty());
    CHECK(error_of("-9223372036854775808").empty());
    CHECK(error_of("18446744073709551615").empty());
    CHECK(error_of("\"\\u0000\"").empty());
    CHECK(error_of(object_with_keys(1000) + "\"z\":1}").empty());
  }

  TEST_CASE("a small text of very many values is refused") {
    std::string text = "[0";
    for (std::size_t i = 0; i < kMaxJsonValues; ++i) text += ",0";
    CHECK(error_of(text + "]") == "[2097152]: too many values");
  }

  TEST_CASE("what is written is read again as the same") {
    const std::string text =
        R"({"a":[1,-2,2.5,"x\"\\\u0001é",true,null,{}],"b":{"c":[]},"e":18446744073709551615})";
    const Json json = Json::parse(text);
    CHECK(json.dump() == text);
    CHECK(Json::parse(json.dump_pretty()).dump() == text);
    CHECK(Json::parse(R"({"a":[1]})").dump_pretty() == "{\n  \"a\": [\n    1\n  ]\n}");
  }

  TEST_CASE("values are built from what the program holds") {
    Json json;
    json.add("name", "x").add("size", std::uint64_t{1} << 40).add("list", Json::Array{1, "two"});
    json.add("below", -3).add("ratio", 0.5);
    CHECK(json.dump() ==
          R"({"name":"x","size":1099511627776,"list":[1,"two"],"below":-3,"ratio":0.5})");
    CHECK(Json(std::int64_t{5}).unsigned_integer() == 5U);
  }

  TEST_CASE("bytes that are not UTF-8 and numbers that are none are still written as valid JSON") {
    Json json;
    json.add("bad\xff", "a\xc3");
    json.add("nan", std::numeric_limits<double>::quiet_NaN());
    CHECK(json.dump() == "{\"bad\xef\xbf\xbd\":\"a\xef\xbf\xbd\",\"nan\":null}");
  }

  TEST_CASE("a required member that is missing or wrong is named") {
    const Json json = Json::parse(R"({"s":"x","n":70000,"o":{},"a":[],"f":1.0,"neg":-1,"b":true})");
    CHECK(json.require_string("s") == "x");
    CHECK(json.require_bool("b"));
    CHECK(json.require_unsigned("n", 70000, 70000) == 70000);
    CHECK(json.require_object("o").is_object());
    CHECK(json.require_array("a").empty());
    CHECK_THROWS_WITH_AS(json.require_string("x"), "x: missing", JsonError);
    CHECK_THROWS_WITH_AS(json.require_string("n"), "n: must be a string", JsonError);
    CHECK_THROWS_WITH_AS(json.require_bool("x"), "x: missing", JsonError);
    CHECK_THROWS_WITH_AS(json.require_bool("n"), "n: must be true or false", JsonError);
    CHECK_THROWS_WITH_AS(json.require_object("a"), "a: must be an object", JsonError);
    CHECK_THROWS_WITH_AS(json.require_array("o"), "o: must be an array", JsonError);
    for (const char* key : {"n", "s", "f", "neg"}) {
      CHECK_THROWS_WITH_AS(json.require_unsigned(key, 1, 65535),
                           (key + std::string(": must be a whole number from 1 to 65535")).c_str(),
                           JsonError);
    }
  }
}

}  // namespace
}  // namespace piecework
