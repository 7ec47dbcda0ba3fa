#include "common/command_line.h"

#include <doctest/doctest.h>

#include "common/errors.h"

namespace piecework {
namespace {

using Words = std::vector<std::string>;

const CommandSpec& spec() {
  static const CommandSpec value{
      .name = "program",
      .usage = "FILE [TARGET] [options]",
      .about = "Does it.",
      .positionals = {"FILE", "TARGET"},
      .required_positionals = 1,
      .options = {{"--announce", "HOST:PORT", "where to ask\nmay be repeated", true},
                  {"--json", "", "for programs"},
                  {"-o", "OUT", "where to write"},
                  {"-v", "", "say more"}},
  };
  return value;
}

CommandLine parse(const Words& words) {
  return CommandLine::parse(spec(), words);
}

std::string error_of(const Words& words) {
  try {
    parse(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST_SUITE("command_line") {
  TEST_CASE("options stand anywhere, in each of their spellings") {
    const CommandLine line =
        parse({"--announce", "a:1", "x", "--announce=b:2=3", "-oOUT", "y", "-v"});
    CHECK(line.values("--announce") == Words{"a:1", "b:2=3"});
    CHECK(line.value("-o") == "OUT");
    CHECK(line.has("-v"));
    CHECK(!line.has("--json"));
    CHECK(!line.value("--json"));
    CHECK(line.values("--json").empty());
    CHECK(line.positionals() == Words{"x", "y"});
    CHECK(!line.help());
  }

  TEST_CASE("a value may be anything, also empty or like an option") {
    CHECK(parse({"x", "-o", "-"}).value("-o") == "-");
    CHECK(parse({"x", "-o", "--json"}).value("-o") == "--json");
    CHECK(parse({"x", "--announce="}).value("--announce") == "");
    CHECK(parse({"x", "-o", ""}).value("-o") == "");
  }

  TEST_CASE("after two dashes every word is an argument, and one dash always is") {
    CHECK(parse({"--", "--json", "-o"}).positionals() == Words{"--json", "-o"});
    CHECK(parse({"-", "--"}).positionals() == Words{"-"});
    CHECK(parse({"--", "--"}).positionals() == Words{"--"});
    CHECK(!parse({"--", "--help"}).help());
  }

  TEST_CASE("help is given whatever is missing") {
    CHECK(parse({"--help"}).help());
    CHECK(parse({"x", "-h"}).help());
    CHECK(parse({"a", "b", "c", "--help"}).help());
  }

  TEST_CASE("a wrong word is named") {
    const std::vector<std::pair<Words, std::string>> cases = {
        {{}, "missing argument FILE"},
        {{"--json"}, "missing argument FILE"},
        {{"a", "b", "c"}, "unexpected argument c"},
        {{"a", "--jsonx"}, "unknown option --jsonx"},
        {{"a", "--js"}, "unknown option --js"},
        {{"a", "--nope=1"}, "unknown option --nope"},
        {{"a", "-x"}, "unknown option -x"},
        {{"a", "-json"}, "unknown option -j"},
        {{"a", "--json=1"}, "--json takes no value"},
        {{"a", "-vv"}, "-v takes no value"},
        {{"a", "--announce"}, "--announce needs a value"},
        {{"a", "-o"}, "-o needs a value"},
        {{"a", "-o", "1", "-o2"}, "-o is given twice"},
        {{"a", "--json", "--json"}, "--json is given twice"},
    };
    for (const auto& [words, error] : cases) CHECK(error_of(words) == error);
  }

  TEST_CASE("the help text comes from the same table") {
    CHECK(help_text(spec()) ==
          "Usage: program FILE [TARGET] [options]\n"
          "\n"
          "Does it.\n"
          "\n"
          "Options:\n"
          "  --announce HOST:PORT  where to ask\n"
          "                        may be repeated\n"
          "  --json                for programs\n"
          "  -o OUT                where to write\n"
          "  -v                    say more\n"
          "  --help                print this\n");
  }

  TEST_CASE("the program's own name is no argument") {
    char program[] = "program";
    char word[] = "x";
    char* argv[] = {program, word, nullptr};
    CHECK(argument_strings(2, argv) == Words{"x"});
    CHECK(argument_strings(2, argv, 2).empty());
    CHECK(argument_strings(0, argv).empty());
  }
}

}  // namespace
}  // namespace piecework
