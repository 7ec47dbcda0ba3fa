// The file that says what a daemon is doing: replaced atomically, readable by all, never older than
// kStatusRefresh while all is well, and gone with the daemon. One thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/daemon_files.h"

namespace piecework {

// Whoever reads such a file can tell from its age whether what it says is so still.
inline constexpr seconds kStatusRefresh{10};

class StatusFile {
 public:
  // Writes nothing yet. An empty `path` means that there is no such file; every call does nothing.
  explicit StatusFile(std::string path);
  ~StatusFile();
  StatusFile(StatusFile&& other) noexcept;
  StatusFile& operator=(StatusFile&& other) noexcept;  // takes the file away that was there

  // Makes the first file, and its directory. It takes the place of one that a killed daemon left
  // behind, which begins as `text` does, or that is empty; any other file there is somebody else's,
  // stays, and is a failure (EEXIST). When that fails, throws std::system_error
  // (kConfigured), or says so on stderr in the name of `program` and does without (kDefault).
  void create(std::string_view program, PathChoice choice, std::string_view text);

  // Replaces the file when `text` differs from what was written last, or the file has gone. False
  // when that fails, which is logged, once until it has worked again.
  bool update(std::string_view text, TimePoint now = Clock::now());
  // What was written last is so still: the file is made younger when it is due. False when it has
  // to be written again.
  bool confirm(TimePoint now = Clock::now()) noexcept;

  // Takes the file away, since what it says is no longer so. The destructor does, too.
  void remove() noexcept;

 private:
  void write(std::string_view text, TimePoint now);
  void swap(StatusFile& other) noexcept;

  std::string path_;
  std::string written_;
  TimePoint written_at_;
  bool is_there_ = false;
  bool failing_ = false;
};

}  // namespace piecework
