// While one of these lives, no descriptor can be had: the limit is the lowest that is free.
// Changes the whole process; only one may live at a time.
#pragma once

#include <sys/resource.h>

namespace piecework {

class NoMoreDescriptors {
 public:
  NoMoreDescriptors();
  ~NoMoreDescriptors();
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_;
};

}  // namespace piecework
