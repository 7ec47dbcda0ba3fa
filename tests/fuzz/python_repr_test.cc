// The second opinion on common/python_repr.h: that of Python.

#include "common/python_repr.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "common/hex.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework::fuzz {
namespace {

constexpr std::size_t kGenerated = 20'000;

// The repr of a few bytes, of those mostly that matter.
std::string draw_repr(std::mt19937_64& random) {
  static constexpr std::string_view kOdd = "'\"\\\t\n\r\0 ~\x7f\xff";
  std::string bytes(random() % 24, '\0');
  for (char& c : bytes) {
    c = random() % 2 == 0 ? kOdd[random() % kOdd.size()] : static_cast<char>(random());
  }
  return python_repr(bytes_of(bytes));
}

// A few small changes.
std::string mutate(std::string text, std::mt19937_64& random) {
  static const std::vector<std::string> kParts = {
      "\\", "'",    "\"",    "b",   "\\x",   "\\x4", "\\x41", "\\xFF", "\\0",    "\\377", "\\'",
      "\"", "\\\"", "\\u00", "\\N", "\\a",   "\n",   "\\\n",  " ",     "'''",    "rb",    "B",
      "A",  "\\t",  "\t",    "\\r", "\\x5c", "(",    ")",     "#",     "b'' b''"};
  for (std::size_t changes = random() % 4; changes > 0; --changes) {
    const std::size_t at = random() % (text.size() + 1);
    const std::string& part = kParts[random() % kParts.size()];
    switch (random() % 3) {
      case 0: text.insert(at, part); break;
      case 1: text.erase(at, 1 + random() % 3); break;
      default: text.replace(at, std::min(part.size(), text.size() - at), part);
    }
  }
  return text;
}

std::vector<std::string> texts() {
  std::vector<std::string> all;
  for (const auto& file : std::filesystem::directory_iterator("tests/fuzz/corpus/python_repr")) {
    std::ostringstream content;
    content << std::ifstream(file.path(), std::ios::binary).rdbuf();
    all.push_back(content.str());
  }
  std::mt19937_64 random(1);
  while (all.size() < kGenerated) all.push_back(mutate(draw_repr(random), random));
  return all;
}

std::vector<std::string> ask_python(const std::vector<std::string>& questions) {
  TempDir directory;
  std::string input;
  for (const std::string& text : questions) input += to_hex(bytes_of(text)) + "\n";
  const std::string command = "python3 tests/support/literal_eval.py <" +
                              directory.write("in", input) + " >" + directory.file("out");
  REQUIRE(::system(command.c_str()) == 0);
  std::istringstream lines(directory.read("out"));
  std::vector<std::string> answers;
  for (std::string line; std::getline(lines, line);) answers.push_back(line);
  REQUIRE(answers.size() == questions.size());
  return answers;
}

// As literal_eval.py would say it; "none" also for what is another repr than Python's.
std::string our_answer(const std::string& text) {
  for (std::size_t size = 0; size <= text.size(); ++size) {
    std::vector<std::byte> out(size);
    if (parse_python_repr(text, out)) return (size == 0 ? "-" : to_hex(out)) + " same";
  }
  return "none";
}

TEST_SUITE("fuzz") {
  TEST_CASE("what is read as a repr is what Python reads, and what Python would write, all of it") {
    const std::vector<std::string> questions = texts();
    const std::vector<std::string> answers = ask_python(questions);
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const std::string ours = our_answer(questions[i]);
      const std::string theirs = answers[i].ends_with(" same") ? answers[i] : "none";
      ++(ours == "none" ? refused : accepted);
      if (ours == theirs) continue;
      CAPTURE(questions[i]);
      CHECK(ours == theirs);
    }
    CHECK(accepted > kGenerated / 10);
    CHECK(refused > kGenerated / 10);
  }
}

}  // namespace
}  // namespace piecework::fuzz
