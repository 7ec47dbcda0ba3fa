#include "tests/support/no_more_threads.h"

#include <cstddef>

namespace piecework {
namespace {

constexpr std::size_t kImpossibleStackBytes = std::size_t{1} << 47;

}  // namespace

NoMoreThreads::NoMoreThreads() {
  pthread_getattr_default_np(&before_);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kImpossibleStackBytes);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

NoMoreThreads::~NoMoreThreads() {
  pthread_setattr_default_np(&before_);
  pthread_attr_destroy(&before_);
}

}  // namespace piecework
