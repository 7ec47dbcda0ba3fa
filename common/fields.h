// key=value pairs, as they appear in log lines and in the reasons of errors.
// Immutable values; safe from any thread.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace piecework {

struct Field {
  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  template <std::integral T>
  Field(std::string_view k, T v) : key(k), value(std::to_string(v)) {}

  std::string key;
  std::string value;  // any bytes; whoever prints it escapes it
};

using Fields = std::vector<Field>;

// Appends `text` as a log value: as it is when it is made of printable ASCII without space, quote,
// `=` or backslash; else in double quotes with \" \\ \n \r \t and \xNN, so that no value can end
// its line or forge another key. Well-formed UTF-8 beyond ASCII is kept, within the quotes.
void append_escaped(std::string& out, std::string_view text);

// "key=value key=value", values escaped.
std::string format_fields(const Fields& fields);

}  // namespace piecework
