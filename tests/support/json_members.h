// JSON objects that are right but for one member, for the tables of what is refused.
// Pure functions; safe from any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace piecework {

// The object of these members, keys and JSON values, but with `value` for the member `key`, or
// without it when that is empty.
std::string json_with(std::initializer_list<std::pair<std::string_view, std::string>> members,
                      std::string_view key, std::string_view value);

}  // namespace piecework
