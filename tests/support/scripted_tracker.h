// A tracker that answers as it is told, one connection after the other: takes a request, sends the
// next answer as it is, and closes.
// One thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/endpoint.h"
#include "tests/support/socket_pair.h"

namespace piecework {

class ScriptedTracker {
 public:
  explicit ScriptedTracker(std::vector<std::string> answers);
  ~ScriptedTracker();

  HostPort at() const { return {"127.0.0.1", listener_.endpoint().port}; }
  // The requests; waits until all answers have been given, or one is not asked for in time.
  const std::vector<std::string>& requests();

 private:
  void run(const std::vector<std::string>& answers);

  LoopbackListener listener_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

// `text` with the header of a frame before it.
std::string framed(std::string_view text);

}  // namespace piecework
