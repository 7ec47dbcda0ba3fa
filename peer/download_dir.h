// The directory that downloads go to. Names come from torrents, that is from strangers, so
// everything is opened beneath it and never through a symbolic link (openat2(2)). Safe from any
// thread; constant after construction.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/unique_fd.h"

namespace piecework::peer {

class DownloadDir {
 public:
  struct Ownership {
    mode_t file_mode = 0644;
    std::optional<gid_t> group;
  };

  // Makes the directory when it is missing. Throws std::system_error naming it.
  DownloadDir(const std::string& path, Ownership ownership);

  const std::string& path() const { return path_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  std::string part_path_of(const std::string& name) const { return path_of(part_name(name)); }
  static std::string part_name(const std::string& name) { return name + ".part"; }

  // The open regular file called `name`, or an invalid descriptor when there is none. Throws
  // std::system_error, also when it is something else than a regular file.
  UniqueFd open_existing(const std::string& name, int flags) const;

  // A new, empty file with the configured mode and group, open for reading and writing.
  // Leaves none behind when it throws std::system_error.
  UniqueFd create(const std::string& name) const;

  // Gives `from` the name `to`, which must be free, and syncs the directory.
  void rename(const std::string& from, const std::string& to) const;

  std::uint64_t free_bytes() const;

 private:
  void take_ownership(int file, const std::string& name) const;
  UniqueFd open_beneath(const std::string& name, int flags, mode_t mode) const;

  const std::string path_;
  const Ownership ownership_;
  UniqueFd directory_;
};

}  // namespace piecework::peer
