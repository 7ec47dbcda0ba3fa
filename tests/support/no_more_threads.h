// While one of these lives, no thread can be started: each would need a stack of half the address
// space (pthread_setattr_default_np(3)).
// Changes the whole process; only one may live at a time.
#pragma once

#include <pthread.h>

namespace piecework {

class NoMoreThreads {
 public:
  NoMoreThreads();
  ~NoMoreThreads();
  NoMoreThreads(const NoMoreThreads&) = delete;
  NoMoreThreads& operator=(const NoMoreThreads&) = delete;

 private:
  pthread_attr_t before_;
};

}  // namespace piecework
