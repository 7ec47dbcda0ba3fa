#include "tests/support/captured_log.h"

#include "common/log.h"

namespace piecework {

CapturedLog::CapturedLog() {
  log_open(directory_.file("log"), LogLevel::kDebug);
}

CapturedLog::~CapturedLog() {
  log_open("-", LogLevel::kInfo);
}

}  // namespace piecework
