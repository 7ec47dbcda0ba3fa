// A daemon that loses patience sooner: poll(2), by which it waits for its sockets, gives up after
// one PATIENCE-th of the time (a whole number; none is 1). What is due at a given moment stays due
// then.
#include <algorithm>
#include <cstdlib>

#include "tests/preload/preload.h"

namespace {

long divisor() {
  static const char* const text = std::getenv("PATIENCE");
  return text == nullptr ? 1 : std::max(1L, std::atol(text));
}

}  // namespace

// Descriptors, how many, milliseconds: none below 0.
PIECEWORK_WRAP(poll) {
  const long limit = static_cast<int>(c);
  return real(a, b, limit > 0 ? (limit + divisor() - 1) / divisor() : limit, d, e, f);
}
