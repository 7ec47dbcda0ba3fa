#include "common/try_each.h"

#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "common/errors.h"
#include "common/stream.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

const std::vector<Endpoint> kThree{*Endpoint::parse("127.0.0.1:1"), *Endpoint::parse("[::1]:2"),
                                   *Endpoint::parse("127.0.0.3:3")};

// The ports that were tried when each attempt ends by `how(port)`.
template <typename How>
std::string tried(How how) {
  std::string ports;
  const auto attempt = [&](const Endpoint& endpoint, Deadline) {
    ports += std::to_string(endpoint.port) + " ";
    how(endpoint.port);
  };
  try {
    try_each(kThree, soon(), attempt);
  } catch (const std::exception& error) {
    ports += error.what();
  }
  return ports;
}

[[noreturn]] void time_out() {
  throw TimeoutError("timed out");
}

[[noreturn]] void refuse() {
  throw std::system_error(std::make_error_code(std::errc::connection_refused), "connect");
}

TEST_SUITE("try_each") {
  TEST_CASE("the first one that answers ends the search") {
    CHECK(tried([](int) {}) == "1 ");
    CHECK(tried([](int port) {
            if (port == 1) time_out();
          }) == "1 2 ");
    CHECK(tried([](int port) {
            if (port < 3) refuse();
          }) == "1 2 3 ");
  }

  TEST_CASE("when none does, the last one's reason is told") {
    CHECK(tried([](int) { time_out(); }) == "1 2 3 timed out");
    CHECK(tried([](int port) {
            if (port == 3) refuse();
            time_out();
          }) == "1 2 3 connect: Connection refused");
  }

  TEST_CASE("what is no failure to answer ends it at once") {
    CHECK(tried([](int) { throw ProtocolError("refused"); }) == "1 refused");
    CHECK_THROWS_AS(try_each({}, soon(), [](const Endpoint&, Deadline) {}), std::runtime_error);
  }

  TEST_CASE("each gets an equal share of the time that is left, the last one all of it") {
    const TimePoint from = Clock::now();
    const Deadline deadline = from + std::chrono::hours(3);
    std::vector<Deadline> shares;
    try {
      try_each(kThree, deadline, [&](const Endpoint&, Deadline share) {
        shares.push_back(share);
        time_out();
      });
    } catch (const TimeoutError&) {
    }
    REQUIRE(shares.size() == 3);
    CHECK(shares[0] >= from + std::chrono::hours(1));
    CHECK(shares[0] < from + std::chrono::minutes(61));
    CHECK(shares[1] >= from + std::chrono::minutes(90));
    CHECK(shares[1] < from + std::chrono::minutes(91));
    CHECK(shares[2] == deadline);
    try_each({kThree[0]}, kNoDeadline,
             [](const Endpoint&, Deadline share) { CHECK(share == kNoDeadline); });
  }

  TEST_CASE("an address that takes no connection leaves time for the next one") {
    LoopbackListener full;
    full.shrink_backlog();
    std::vector<Stream> waiting;  // until there is no place in the backlog
    try {
      while (waiting.size() < 16) {
        waiting.push_back(Stream::unconnected(full.endpoint()));
        waiting.back().connect(full.endpoint(), Clock::now() + milliseconds(50));
      }
    } catch (const TimeoutError&) {
    }
    REQUIRE(waiting.size() < 16);
    const LoopbackListener good;
    std::optional<Endpoint> reached;
    const auto connect = [&](const Endpoint& endpoint, Deadline share) {
      Stream stream = Stream::unconnected(endpoint);
      stream.connect(endpoint, share);
      reached = endpoint;
    };
    try_each({full.endpoint(), good.endpoint()}, Clock::now() + seconds(1), connect);
    CHECK(reached == good.endpoint());
  }
}

}  // namespace
}  // namespace piecework
