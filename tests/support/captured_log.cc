#include "tests/support/captured_log.h"

#include "common/log.h"

namespace piecework {

CapturedLog::CapturedLog() {
  log_open(directory_.file("log"), LogLevel::kDebug);
}

CapturedLog::~CapturedLog() {
  log_open("-", LogLevel::kInfo);
}

int CapturedLog::count(std::string_view part) const {
  const std::string all = text();
  int times = 0;
  for (auto at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) ++times;
  return times;
}

}  // namespace piecework
