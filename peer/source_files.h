// What a torrent is to be made of, as it lies there: a file, or a directory with plain files and
// directories in it and nothing else.
// Plain data and stateless functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/tree_files.h"
#include "peer/file_mark.h"
#include "peer/file_set.h"

namespace piecework::peer {

struct SourceFiles {
  std::vector<TreeFile> files;     // of a directory, in the order of a torrent; else none
  std::vector<std::string> paths;  // where each file is; of a file, that one
  std::vector<FileMark> marks;     // as they were found
  std::size_t empty_directories = 0;

  std::uint64_t total_bytes() const;
  // The path of one that is not what it was; nothing when all are.
  std::optional<std::string> changed() const;
};

// The regular file at `path`. Throws std::system_error naming it.
SourceFiles source_file(const std::string& path);

// All that is in the directory `path`, whatever it is called. Throws std::system_error when
// something cannot be read, and TorrentError naming what cannot be in a torrent: a symbolic link or
// a special file, a name that may not be (tree_files.h), too many files, or none at all.
SourceFiles source_directory(const std::string& path);

// Opens the regular file at `path`, which is no symbolic link, for reading. Throws
// std::system_error naming it.
UniqueFd open_source(const std::string& path);

}  // namespace piecework::peer
