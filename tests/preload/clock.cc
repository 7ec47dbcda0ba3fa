// A time of day that jumps: clock_gettime(CLOCK_REALTIME) gives what it is and as many seconds
// more, or less, as the file $CLOCK_OFFSET says at that moment (a whole number as text; none is 0).
// The clocks that never jump are left alone.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "tests/preload/preload.h"

namespace {

long offset_seconds() {
  static const char* const path = std::getenv("CLOCK_OFFSET");
  if (path == nullptr) return 0;
  const int before = errno;
  std::array<char, 32> text{};
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    static_cast<void>(!::read(file, text.data(), text.size() - 1));
    ::close(file);
  }
  errno = before;
  return std::strtol(text.data(), nullptr, 10);
}

}  // namespace

PIECEWORK_WRAP(clock_gettime) {
  const long result = real(a, b, c, d, e, f);
  if (a == CLOCK_REALTIME) reinterpret_cast<timespec*>(b)->tv_sec += offset_seconds();
  return result;
}
