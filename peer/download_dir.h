// The directory that downloads go to, or one below it that is itself a download. Names come from
// torrents, that is from strangers, so everything is opened beneath it and never through a symbolic
// link (openat2(2)). Safe from any thread; constant after construction.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "peer/file_mark.h"

namespace piecework::peer {

class DownloadDir {
 public:
  struct Ownership {
    mode_t file_mode = 0644;
    std::optional<gid_t> group;
  };

  // Makes the directory when it is missing. Throws std::system_error naming it.
  DownloadDir(const std::string& path, Ownership ownership);

  const std::string& path() const { return path_; }  // as it was when it was opened
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  std::string part_path_of(const std::string& name) const { return path_of(part_name(name)); }
  static std::string part_name(const std::string& name) { return name + ".part"; }

  // ---- Files; a name may be a path below the directory ----

  // The open regular file called `name`, or an invalid descriptor when there is none. Throws
  // std::system_error, also when it is something else than a regular file.
  UniqueFd open_existing(const std::string& name, int flags) const;

  // A new, empty file with the configured mode and group, open for reading and writing; one that is
  // `executable` may be run by whoever may read it. Leaves none behind when it throws
  // std::system_error.
  UniqueFd create(const std::string& name, bool executable = false) const;

  // Makes the open file `name` executable, or not, for whoever may read it.
  void set_executable(int file, const std::string& name, bool executable) const;

  // The mark of the regular file called `name`; nothing when there is none, or something else.
  // Throws std::system_error when that cannot be known.
  std::optional<FileMark> mark_of(const std::string& name) const;

  // ---- Directories ----

  // The directory called `name`; nullptr when there is none. Throws std::system_error, also when it
  // is something else.
  std::unique_ptr<DownloadDir> open_directory(const std::string& name) const;

  // Makes the directory called `name`, which may be there. Those above it must be. Whoever may read
  // the files may look into it, and its owner may write. Throws std::system_error.
  void make_directory(const std::string& name) const;

  // Which directory it is, wherever it has been moved to.
  bool is_same_directory(const DownloadDir& other) const;

  // Gives `from` the name `to`, which must be free, and syncs the directory.
  void rename(const std::string& from, const std::string& to) const;

  // Makes everything on its file system durable (syncfs(2)). Throws std::system_error.
  void sync_all() const;

  // Is there anything called `name`? It is a plain one here, no path.
  bool exists(const std::string& name) const;
  // Removes the files of these paths, and the directories that they were in, as far as these are
  // empty then, but not this one. What is not there is no mistake. Throws std::system_error.
  void remove_below(const std::vector<std::string>& paths) const;
  // Removes the empty directory of that plain name, and syncs the directory. Throws
  // std::system_error.
  void remove_directory(const std::string& name) const;
  // Removes the file of that plain name, and syncs the directory. Throws std::system_error.
  void remove(const std::string& name) const;

  std::uint64_t free_bytes() const;

 private:
  DownloadDir(UniqueFd directory, std::string path, Ownership ownership);
  // Removes one of a path, a file or (AT_REMOVEDIR) an empty directory. False: errno says why.
  bool unlink_beneath(const std::string& path, int flags) const;
  void take_ownership(int file, const std::string& name, mode_t mode) const;
  UniqueFd open_beneath(const std::string& name, int flags, mode_t mode) const;

  const std::string path_;
  const Ownership ownership_;
  UniqueFd directory_;
};

}  // namespace piecework::peer
