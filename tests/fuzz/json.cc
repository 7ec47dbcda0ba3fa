#include "common/json.h"

#include "tests/fuzz/fuzz.h"

namespace piecework::fuzz {

void fuzz_json(std::string_view input) {
  Json json;
  try {
    json = Json::parse(input);
  } catch (const JsonError&) {
    return;
  }
  const std::string text = json.dump();
  must(Json::parse(text).dump() == text, "a value is written as it was read");
  must(Json::parse(json.dump_pretty()).dump() == text, "indenting changes no value");
}

}  // namespace piecework::fuzz
