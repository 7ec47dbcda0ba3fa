// The file that says what a daemon is doing: JSON, replaced atomically, readable by all.
// One thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "common/daemon_files.h"

namespace piecework {

class StatusFile {
 public:
  // Writes nothing yet. An empty `path` means that there is no such file; every call does nothing.
  explicit StatusFile(std::string path);

  // Makes the first file, and its directory. When that fails, throws std::system_error
  // (kConfigured), or says so on stderr in the name of `program` and does without (kDefault).
  void create(std::string_view program, PathChoice choice, std::string_view text);

  // Replaces the file when `text` differs from what was written last. A failure is logged, once
  // until it has worked again.
  void update(std::string_view text);

  // Takes the file away, since what it says is no longer so.
  void remove() noexcept;

 private:
  std::string path_;
  std::string written_;
  bool failing_ = false;
};

}  // namespace piecework
