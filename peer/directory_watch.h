// What happens to the names in one directory, as inotify(7) tells it. Names only: what became of
// them is for the caller to look at, who also reads the directory whole now and then, for file
// systems that tell nothing.
// One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/unique_fd.h"

namespace piecework::peer {

class DirectoryWatch {
 public:
  // Watches nothing before renew(). Throws std::system_error.
  explicit DirectoryWatch(std::string path);

  // To be called when the directory is read whole: the path may by now lead to another directory
  // than the one watched. That it cannot be watched is logged (`watch.failed`).
  void renew();

  // For poll(2): readable when there is something to be read.
  int fd() const { return inotify_.get(); }

  struct Events {
    std::map<std::string, bool> gone_by_name;  // the last of each: true when it went
    bool complete = true;  // false: something was missed, and only reading it whole helps
  };
  // A few thousand at most. Nothing when there are none.
  std::optional<Events> read();

 private:
  const std::string path_;
  const UniqueFd inotify_;
  int watch_ = -1;
};

}  // namespace piecework::peer
