#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/fuzz/fuzz.h"

namespace piecework::fuzz {
namespace {

const std::string kCorpus = "tests/fuzz/corpus/";  // the tests run where the Makefile is

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

TEST_SUITE("fuzz") {
  TEST_CASE("every kept input of every target is read or refused as its header says") {
    for (const Target& target : targets()) {
      int inputs = 0;
      for (const auto& file :
           std::filesystem::directory_iterator(kCorpus + std::string(target.name))) {
        CAPTURE(file.path().string());
        CHECK_NOTHROW(target.run(read(file.path())));
        ++inputs;
      }
      CAPTURE(target.name);
      CHECK(inputs > 0);
    }
  }

  TEST_CASE("every directory of kept inputs has a target") {
    for (const auto& directory : std::filesystem::directory_iterator(kCorpus)) {
      const std::string name = directory.path().filename().string();
      CAPTURE(name);
      bool known = false;
      for (const Target& target : targets()) known = known || target.name == name;
      CHECK(known);
    }
  }

  TEST_CASE("a broken promise is reported") {
    CHECK_THROWS_AS(must(false, "water is dry"), Broken);
  }
}

}  // namespace
}  // namespace piecework::fuzz
