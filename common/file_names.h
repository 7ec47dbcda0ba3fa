// What a torrent may call a file, a directory, and the files in it. Names come from strangers and
// go to the disk as they are, so the rules are hard (PROTOCOL.md section 3). Pure functions; safe
// from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace piecework {

inline constexpr std::size_t kMaxTreePathBytes = 1024;

// Why `name` may not be a file_name; empty when it may. "must be …"
std::string file_name_problem(std::string_view name);

// Why `path` may not be the path of a file in a directory's torrent; empty when it may.
std::string tree_path_problem(std::string_view path);

}  // namespace piecework
