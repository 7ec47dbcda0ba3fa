// Makes system calls of a daemon fail, or the process end, at a moment that can be had again.
//
//   FAULT=CALL:N:ERRNO[:TIMES]  the N-th CALL does nothing and fails with that number, and so do
//                               those after it until TIMES have (default 1)
//   FAULT=CALL:N:kill           SIGKILL in place of the N-th CALL
//   FAULT_LOG=FILE              every call that was failed, a name a line; without FAULT every call
//
// CALL is the name of one wrapped below, or `any`. They are counted from 1, all threads together.
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/preload/preload.h"

namespace {

struct Plan {
  std::string call;
  long first = 0;
  long times = 1;
  int error = 0;
  bool kills = false;
};

Plan read_plan() {
  Plan plan;
  const char* const text = std::getenv("FAULT");
  if (text == nullptr) return plan;
  const std::string whole = text;
  const std::size_t number = whole.find(':') + 1;
  const std::size_t error = whole.find(':', number) + 1;
  const std::size_t times = whole.find(':', error);
  if (number == 0 || error == 0) std::abort();
  plan.call = whole.substr(0, number - 1);
  plan.first = std::atol(whole.c_str() + number);
  plan.kills = whole.compare(error, 4, "kill") == 0;
  plan.error = std::atoi(whole.c_str() + error);
  if (times != std::string::npos) plan.times = std::atol(whole.c_str() + times + 1);
  return plan;
}

void note(const char* call) {
  static const char* const path = std::getenv("FAULT_LOG");
  if (path == nullptr) return;
  const std::string line = std::string(call) + "\n";
  piecework::preload::append(path, line.data(), line.size());
}

// The errno that this call is to fail with, or 0.
int fault_of(const char* call) {
  static const Plan& plan = *new Plan(read_plan());  // for threads that outlive main
  static std::atomic<long> calls{0};
  const int before = errno;
  if (plan.call.empty()) {
    note(call);
  } else if (plan.call == call || plan.call == "any") {
    const long number = ++calls;
    if (number >= plan.first && number < plan.first + plan.times) {
      note(call);
      if (plan.kills) ::raise(SIGKILL);
      return plan.error;
    }
  }
  errno = before;
  return 0;
}

}  // namespace

// A call that fails with -1 and errno.
#define FAULT(call)                          \
  PIECEWORK_WRAP(call) {                     \
    if (const int error = fault_of(#call)) { \
      errno = error;                         \
      return -1;                             \
    }                                        \
    return real(a, b, c, d, e, f);           \
  }

FAULT(accept4)
FAULT(bind)
FAULT(connect)
FAULT(eventfd)
FAULT(fallocate64)
FAULT(fchmod)
FAULT(fdatasync)
FAULT(fstat64)
FAULT(fstatat64)
FAULT(fstatvfs64)
FAULT(fsync)
FAULT(ftruncate64)
FAULT(getpeername)
FAULT(getsockname)
FAULT(getsockopt)
FAULT(inotify_add_watch)
FAULT(inotify_init1)
FAULT(ioctl)
FAULT(listen)
FAULT(lseek64)
FAULT(mkdirat)
FAULT(mkostemp64)
FAULT(open64)
FAULT(poll)
FAULT(posix_fadvise64)
FAULT(pread64)
FAULT(pwrite64)
FAULT(read)
FAULT(recv)
FAULT(rename)
FAULT(renameat2)
FAULT(send)
FAULT(sendfile64)
FAULT(setsockopt)
FAULT(socket)
FAULT(stat64)
FAULT(statx)
FAULT(syncfs)
FAULT(unlink)
FAULT(unlinkat)
FAULT(write)

// openat2(2) has no function of its own. What else comes this way, of libraries, is left alone.
PIECEWORK_WRAP(syscall) {
  if (a == SYS_openat2) {
    if (const int error = fault_of("openat2")) {
      errno = error;
      return -1;
    }
  }
  return real(a, b, c, d, e, f);
}

PIECEWORK_WRAP(pthread_create) {
  if (const int error = fault_of("pthread_create")) return error;
  return real(a, b, c, d, e, f);
}
