#include "common/fields.h"

#include "common/utf8.h"

namespace piecework {
namespace {

bool needs_no_quotes(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

void append_hex_escape(std::string& out, unsigned char byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 0xf];
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  if (needs_no_quotes(text)) {
    out += text;
    return;
  }
  out += '"';
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    std::size_t taken = 1;
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += static_cast<char>(byte);
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      append_hex_escape(out, byte);
    } else if (byte < 0x80) {
      out += static_cast<char>(byte);
    } else if (taken = utf8_printable_prefix(text); taken > 0) {
      out += text.substr(0, taken);
    } else {
      taken = 1;
      append_hex_escape(out, byte);
    }
    text.remove_prefix(taken);
  }
  out += '"';
}

std::string format_fields(const Fields& fields) {
  std::string out;
  for (const Field& field : fields) {
    if (!out.empty()) out += ' ';
    out += field.key;
    out += '=';
    append_escaped(out, field.value);
  }
  return out;
}

}  // namespace piecework
