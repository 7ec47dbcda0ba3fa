#include "common/columns.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>

#include "common/utf8.h"

namespace piecework {
namespace {

constexpr std::string_view kEllipsis = "…";

// wcwidth(3) and mbrtowc(3) go by the locale of the thread, and names are UTF-8 in all of them.
class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(utf8())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  // Where there is no such locale nothing changes, and every character counts as one column.
  static locale_t utf8() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }

  const locale_t before_;
};

struct Character {
  std::size_t bytes;
  std::size_t columns;
};

// The one at the front of `text`, which is not empty. Only under a Utf8Locale.
Character first_character(std::string_view text) {
  const std::size_t bytes = utf8_prefix(text);
  if (bytes == 0) return {1, 1};
  wchar_t code = 0;
  std::mbstate_t state{};
  if (::mbrtowc(&code, text.data(), bytes, &state) != bytes) return {bytes, 1};
  const int columns = ::wcwidth(code);
  return {bytes, columns < 0 ? 1 : static_cast<std::size_t>(columns)};
}

std::string spaces_up_to(std::string_view text, std::size_t columns) {
  return std::string(columns - std::min(columns, display_columns(text)), ' ');
}

}  // namespace

std::size_t display_columns(std::string_view text) {
  const Utf8Locale locale;
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.columns;
    text.remove_prefix(character.bytes);
  }
  return columns;
}

std::string_view fit_columns(std::string_view text, std::size_t columns) {
  const Utf8Locale locale;
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const Character character = first_character(text.substr(bytes));
    if (character.columns > columns) break;
    columns -= character.columns;
    bytes += character.bytes;
  }
  return text.substr(0, bytes);
}

std::string cut_to_columns(std::string_view text, std::size_t columns) {
  if (fit_columns(text, columns).size() == text.size()) return std::string(text);
  if (columns == 0) return "";
  return std::string(fit_columns(text, columns - 1)) + std::string(kEllipsis);
}

std::string pad_right(std::string_view text, std::size_t columns) {
  return std::string(text) + spaces_up_to(text, columns);
}

std::string pad_left(std::string_view text, std::size_t columns) {
  return spaces_up_to(text, columns) + std::string(text);
}

}  // namespace piecework
