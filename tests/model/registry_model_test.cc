#include "tests/model/registry_model.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/model/model_runs.h"

namespace piecework::model {
namespace {

TEST_SUITE("registry_model") {
  TEST_CASE("the registry answers as a list that is searched from end to end") {
    RegistryStats all;
    const std::string failure =
        run_seeds("registry_model", 200, [&](std::uint64_t seed) { all += run_registry(seed); });
    if (is_replay() || is_long_run()) MESSAGE(to_text(all));
    CHECK(failure == "");
    if (!failure.empty() || is_replay()) return;
    // Else the model has not met what it is there for.
    CHECK(all.joined > 0);
    CHECK(all.renewed > 0);
    CHECK(all.refused > 0);
    CHECK(all.left > 0);
    CHECK(all.expired > 0);
    CHECK(all.named > 0);
  }
}

}  // namespace
}  // namespace piecework::model
