#include "tests/model/swarm_model.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/model/model_runs.h"

namespace piecework::model {
namespace {

TEST_SUITE("swarm_model") {
  TEST_CASE("a swarm loses nothing, starves nobody and comes to its end, whatever happens to it") {
    SwarmStats all;
    const std::string failure =
        run_seeds("swarm_model", 300, [&](std::uint64_t seed) { all += run_swarm(seed); });
    if (is_replay() || is_long_run()) MESSAGE(to_text(all));
    CHECK(failure == "");
    if (!failure.empty() || is_replay()) return;
    // Else the model has not met what it is there for.
    CHECK(all.bad_pieces > 0);
    CHECK(all.late_pieces > 0);
    CHECK(all.endgame_claims > 0);
    CHECK(all.cancels > 0);
    CHECK(all.offers > 0);
    CHECK(all.chokes > 0);
    CHECK(all.bans > 0);
    CHECK(all.parallel > 0);
    CHECK(all.faults > 0);
  }
}

}  // namespace
}  // namespace piecework::model
