// What the libraries of this directory share. They are loaded before a daemon (LD_PRELOAD) and
// stand between it and the C library, to fail, record or falsify what it calls. Safe from any
// thread.
#pragma once

#include <sys/types.h>

#include <atomic>

namespace piecework::preload {

using Call = long (*)(long, long, long, long, long, long);

// The function of that name which would have been called without the library. Ends the process when
// there is none.
void* behind(const char* name);

// Adds a line, or any bytes, to the end of a file in one write; what goes wrong is ignored.
void append(const char* path, const void* data, size_t bytes);

}  // namespace piecework::preload

// Defines `call`, which takes at most six integers or pointers, in place of the C library's.
// The body has it as `real`, and the arguments as a … f: the machine passes what is not there like
// what is, and it is handed on unseen. Under a name of its own in the source, since the headers
// declare it otherwise. What is found is kept without a guard, which would wait by syscall(2), and
// that may be the call.
#define PIECEWORK_WRAP(call)                                                                     \
  extern "C" long wrapped_##call(long a, long b, long c, long d, long e, long f) __asm__(#call); \
  static long instead_of_##call(piecework::preload::Call real, long a, long b, long c, long d,   \
                                long e, long f);                                                 \
  extern "C" long wrapped_##call(long a, long b, long c, long d, long e, long f) {               \
    static std::atomic<piecework::preload::Call> real{nullptr};                                  \
    if (real == nullptr) {                                                                       \
      real = reinterpret_cast<piecework::preload::Call>(piecework::preload::behind(#call));      \
    }                                                                                            \
    return instead_of_##call(real, a, b, c, d, e, f);                                            \
  }                                                                                              \
  static long instead_of_##call([[maybe_unused]] piecework::preload::Call real,                  \
                                [[maybe_unused]] long a, [[maybe_unused]] long b,                \
                                [[maybe_unused]] long c, [[maybe_unused]] long d,                \
                                [[maybe_unused]] long e, [[maybe_unused]] long f)
