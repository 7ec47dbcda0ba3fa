#include "common/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace piecework {
namespace {

constexpr std::uint16_t kDefaultColumns = 80;
constexpr std::uint16_t kDefaultRows = 24;

std::size_t size_or(std::uint16_t told, const char* variable, std::uint16_t otherwise) {
  if (told > 0) return told;
  const char* const value = std::getenv(variable);
  const std::string_view text = value != nullptr ? value : "";
  std::uint16_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = result.ec == std::errc() && result.ptr == text.data() + text.size();
  return whole && number > 0 ? number : otherwise;
}

}  // namespace

bool is_drawable_terminal(int fd) {
  const char* const kind = std::getenv("TERM");
  return ::isatty(fd) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

TerminalSize terminal_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) size = {};
  return {.columns = size_or(size.ws_col, "COLUMNS", kDefaultColumns),
          .rows = size_or(size.ws_row, "LINES", kDefaultRows)};
}

}  // namespace piecework
