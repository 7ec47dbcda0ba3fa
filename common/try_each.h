// Several addresses of one name: the next one is tried when one of them does not answer.
// Safe from any thread.
#pragma once

#include <functional>
#include <vector>

#include "common/clock.h"
#include "common/endpoint.h"

namespace piecework {

// Calls `attempt` with one of `endpoints` after the other, in their order, until it returns: each
// time with a deadline of its own, an equal share of what is left until `deadline`, so that a
// silent address leaves time for those behind it. What an attempt throws as TimeoutError or
// std::system_error moves on to the next; the last one's is thrown on, and anything else at once.
// Throws std::runtime_error when there are no endpoints.
void try_each(const std::vector<Endpoint>& endpoints, Deadline deadline,
              const std::function<void(const Endpoint&, Deadline)>& attempt);

}  // namespace piecework
