#include "common/printable.h"

#include "common/hex.h"
#include "common/utf8.h"

namespace piecework {
namespace {

void append_escape(std::string& out, char c) {
  static constexpr std::string_view kSpecial = "\n\r\t\\";
  static constexpr std::string_view kLetters = "nrt\\";
  out += '\\';
  if (const std::size_t which = kSpecial.find(c); which != std::string_view::npos) {
    out += kLetters[which];
    return;
  }
  const std::byte byte = static_cast<std::byte>(c);
  out += 'x';
  out += to_hex({&byte, 1});
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = text.front() == '\\' ? 0 : utf8_printable_prefix(text);
    if (length == 0) {
      append_escape(out, text.front());
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace piecework
