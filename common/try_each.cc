#include "common/try_each.h"

#include <cstddef>
#include <stdexcept>
#include <system_error>

#include "common/errors.h"

namespace piecework {

void try_each(const std::vector<Endpoint>& endpoints, Deadline deadline,
              const std::function<void(const Endpoint&, Deadline)>& attempt) {
  if (endpoints.empty()) throw std::runtime_error("no address");
  for (std::size_t i = 0; i + 1 < endpoints.size(); ++i) {
    const TimePoint now = Clock::now();
    const auto left = static_cast<Clock::rep>(endpoints.size() - i);
    try {
      return attempt(endpoints[i], now + (deadline - now) / left);
    } catch (const TimeoutError&) {
    } catch (const std::system_error&) {
    }
  }
  attempt(endpoints.back(), deadline);
}

}  // namespace piecework
