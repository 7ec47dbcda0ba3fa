#include "common/threads.h"

#include <pthread.h>

namespace piecework {
namespace {

// Sanitizers make every frame several times as large.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStackBytes = 2 << 20;
#else
constexpr std::size_t kStackBytes = 256 << 10;
#endif

constexpr std::size_t kMaxNameBytes = 15;

}  // namespace

void set_thread_stack_size() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

std::thread start_thread(const std::string& name, std::function<void()> body) {
  return std::thread([name = name.substr(0, kMaxNameBytes), body = std::move(body)] {
    pthread_setname_np(pthread_self(), name.c_str());
    body();
  });
}

}  // namespace piecework
