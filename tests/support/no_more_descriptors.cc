#include "tests/support/no_more_descriptors.h"

#include <fcntl.h>

#include "common/unique_fd.h"

namespace piecework {

NoMoreDescriptors::NoMoreDescriptors() {
  ::getrlimit(RLIMIT_NOFILE, &before_);
  const UniqueFd lowest_free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit none = before_;
  none.rlim_cur = static_cast<rlim_t>(lowest_free.get());
  ::setrlimit(RLIMIT_NOFILE, &none);
}

NoMoreDescriptors::~NoMoreDescriptors() {
  ::setrlimit(RLIMIT_NOFILE, &before_);
}

}  // namespace piecework
