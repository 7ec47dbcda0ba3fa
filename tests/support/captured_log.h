// While one of these lives, the log goes to a file of its own, debug lines too: tests can look for
// events, and their reports stay readable.
// One thread at a time; only one may live at a time.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/temp_dir.h"

namespace piecework {

class CapturedLog {
 public:
  CapturedLog();
  ~CapturedLog();
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  std::string text() const { return directory_.read("log"); }
  bool has(std::string_view part) const { return text().find(part) != std::string::npos; }
  int count(std::string_view part) const;

 private:
  TempDir directory_;
};

}  // namespace piecework
