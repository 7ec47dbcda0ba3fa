#include "tests/preload/preload.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace piecework::preload {

void* behind(const char* name) {
  void* const found = ::dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();
  return found;
}

// By the kernel's own calls, and past the library that wraps syscall(2) itself.
void append(const char* path, const void* data, size_t bytes) {
  static const auto kernel = reinterpret_cast<long (*)(long, ...)>(behind("syscall"));
  const long file =
      kernel(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  kernel(SYS_write, file, data, bytes);
  kernel(SYS_close, file);
}

}  // namespace piecework::preload
