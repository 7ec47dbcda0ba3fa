// The files of a torrent that describes a directory (PROTOCOL.md section 3): what each of them says
// and whether together they make a tree that can be put on a disk.
// Plain data and pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace piecework {

inline constexpr std::size_t kMaxTreeFiles = 1U << 17;
inline constexpr std::size_t kMaxTreeTextBytes = 16U << 20;  // of all paths together

struct TreeFile {
  std::string path;  // within the directory, with slashes
  std::uint64_t length = 0;
  bool executable = false;

  bool operator==(const TreeFile&) const = default;
};

struct TreeProblem {
  std::size_t file;  // where in the list
  std::string what;  // "path: must not be empty"
};

// What is wrong with `files`: a path that may not be one, one that is not behind the last in the
// order of bytes (so also one that is there twice), a file in whose place another one needs a
// directory, too much text, or more than 2^63 - 1 bytes in all. Nothing when all is well. How many
// there are is not looked at.
std::optional<TreeProblem> tree_problem(const std::vector<TreeFile>& files);

}  // namespace piecework
