#include "tests/support/json_members.h"

namespace piecework {

std::string json_with(std::initializer_list<std::pair<std::string_view, std::string>> members,
                      std::string_view key, std::string_view value) {
  std::string text;
  for (const auto& [name, usual] : members) {
    const std::string chosen = name == key ? std::string(value) : usual;
    if (chosen.empty()) continue;
    text += (text.empty() ? "{\"" : ", \"") + std::string(name) + "\": " + chosen;
  }
  return text + "}";
}

}  // namespace piecework
