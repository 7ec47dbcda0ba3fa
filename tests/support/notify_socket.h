// The service manager's end of sd_notify(3), for tests. While one of these lives, $NOTIFY_SOCKET
// names it. One thread at a time; nobody else may use the environment meanwhile.
#pragma once

#include <string>

#include "common/unique_fd.h"

namespace piecework {

// An environment variable for as long as a test runs.
class Variable {
 public:
  Variable(const char* name, const std::string& value);
  ~Variable();
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class NotifySocket {
 public:
  // Bound to `name`, in the file system; with an @ in front, to an abstract one.
  explicit NotifySocket(const std::string& name);

  std::string received() const;  // the next message, or "nothing"

 private:
  UniqueFd socket_;
  Variable variable_;
};

}  // namespace piecework
