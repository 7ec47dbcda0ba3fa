#include "common/tree_files.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "common/file_names.h"

namespace piecework {
namespace {

constexpr std::uint64_t kMaxTotalBytes = std::numeric_limits<std::int64_t>::max();

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

// In the order of bytes "a-b" stands between "a" and "a/b". With the slash before everything else
// that a path may hold, what is below "a" follows it at once.
bool is_before_by_name(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto weight = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); };
    return weight(x) < weight(y);
  });
}

// A file in whose place another one needs a directory.
std::optional<TreeProblem> clash(const std::vector<TreeFile>& files) {
  std::vector<const TreeFile*> by_name;
  by_name.reserve(files.size());
  for (const TreeFile& file : files) by_name.push_back(&file);
  std::sort(by_name.begin(), by_name.end(), [](const TreeFile* a, const TreeFile* b) {
    return is_before_by_name(a->path, b->path);
  });
  for (std::size_t i = 1; i < by_name.size(); ++i) {
    if (!is_below(by_name[i]->path, by_name[i - 1]->path)) continue;
    return TreeProblem{static_cast<std::size_t>(by_name[i] - files.data()),
                       "path: is below another file of the list"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<TreeProblem> tree_problem(const std::vector<TreeFile>& files) {
  std::size_t text = 0;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& path = files[i].path;
    std::string what = tree_path_problem(path);
    if (what.empty() && i > 0 && path == files[i - 1].path) what = "is there twice";
    if (what.empty() && i > 0 && path < files[i - 1].path) {
      what = "must come before the one before it, in the order of bytes";
    }
    if (what.empty() && (text += path.size()) > kMaxTreeTextBytes) {
      what = "all paths together have more than 16 MiB";
    }
    if (!what.empty()) return TreeProblem{i, "path: " + what};
    if (files[i].length > kMaxTotalBytes - total) {
      return TreeProblem{i, "length: all files together have more than 2^63 - 1 bytes"};
    }
    total += files[i].length;
  }
  return clash(files);
}

}  // namespace piecework
