#include "common/python_repr.h"

#include <algorithm>

#include "common/hex.h"

namespace piecework {
namespace {

constexpr std::size_t kOpeningBytes = 2;  // b'

// The byte at the front of `text`, taken off it, in any escape that a repr may hold. False when
// there is none.
bool take_byte(std::string_view& text, std::byte& out) {
  if (text.empty()) return false;
  if (text.front() != '\\') {
    out = static_cast<std::byte>(text.front());
    text.remove_prefix(1);
    return true;
  }
  if (text.size() < 2) return false;
  const char kind = text[1];
  if (kind == 'x') {
    const bool ok = parse_hex(text.substr(2, 2), {&out, 1});
    text.remove_prefix(std::min<std::size_t>(text.size(), 4));
    return ok;
  }
  static constexpr std::string_view kEscapes = "tnr\\'";
  static constexpr std::string_view kMeanings = "\t\n\r\\'";
  const std::size_t which = kEscapes.find(kind);
  if (which == std::string_view::npos) return false;
  out = static_cast<std::byte>(kMeanings[which]);
  text.remove_prefix(2);
  return true;
}

void append_byte(std::string& out, std::byte byte, char quote) {
  const char c = static_cast<char>(byte);
  if (c == quote || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c >= ' ' && c <= '~') {
    out += c;
  } else {
    out += "\\x";
    out += to_hex({&byte, 1});
  }
}

}  // namespace

std::string python_repr(std::span<const std::byte> bytes) {
  const auto holds = [&](char c) {
    return std::find(bytes.begin(), bytes.end(), static_cast<std::byte>(c)) != bytes.end();
  };
  const char quote = holds('\'') && !holds('"') ? '"' : '\'';
  std::string text = "b";
  text += quote;
  for (const std::byte byte : bytes) append_byte(text, byte, quote);
  text += quote;
  return text;
}

bool parse_python_repr(std::string_view text, std::span<std::byte> out) {
  if (text.size() < kOpeningBytes + 1) return false;
  std::string_view body = text.substr(kOpeningBytes, text.size() - kOpeningBytes - 1);
  for (std::byte& byte : out) {
    if (!take_byte(body, byte)) return false;
  }
  // Writing the bytes again decides everything else: quotes, what is escaped and how, and what is
  // left over.
  return python_repr(out) == text;
}

}  // namespace piecework
