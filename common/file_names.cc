#include "common/file_names.h"

#include "common/utf8.h"

namespace piecework {
namespace {

constexpr std::size_t kMaxNameBytes = 250;       // with .part, a NAME_MAX
constexpr std::size_t kMaxComponentBytes = 255;  // NAME_MAX
constexpr std::string_view kPartSuffix = ".part";

bool holds_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    // U+0080 to U+009F
    const bool c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) return true;
  }
  return false;
}

std::string component_problem(std::string_view component) {
  if (component.empty()) return "must not hold an empty name between slashes";
  if (component == "." || component == "..") return "must not hold . or ..";
  if (component.size() > kMaxComponentBytes) return "must not hold a name of more than 255 bytes";
  return "";
}

}  // namespace

std::string file_name_problem(std::string_view name) {
  if (name.empty()) return "must not be empty";
  if (name.size() > kMaxNameBytes) return "must be at most 250 bytes";
  if (!is_utf8(name)) return "must be UTF-8";
  if (name.find('/') != std::string_view::npos) return "must be one plain name without a slash";
  if (holds_control_character(name)) return "must not hold a control character";
  if (name == "." || name == "..") return "must not be a directory";
  if (name.ends_with(kPartSuffix)) return "must not end in .part";
  return "";
}

std::string tree_path_problem(std::string_view path) {
  if (path.empty()) return "must not be empty";
  if (path.size() > kMaxTreePathBytes) return "must be at most 1024 bytes";
  if (!is_utf8(path)) return "must be UTF-8";
  if (holds_control_character(path)) return "must not hold a control character";
  if (path.front() == '/') return "must not begin with a slash";
  if (path.back() == '/') return "must not end with a slash";
  while (true) {
    const std::size_t slash = path.find('/');
    std::string problem = component_problem(path.substr(0, slash));
    if (!problem.empty() || slash == std::string_view::npos) return problem;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace piecework
