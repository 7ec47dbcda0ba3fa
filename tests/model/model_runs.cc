#include "tests/model/model_runs.h"

#include <cmath>
#include <cstdlib>
#include <optional>

namespace piecework::model {
namespace {

// ThreadSanitizer makes a model fifty times slower and has nothing to see: it is one thread.
#ifdef __SANITIZE_THREAD__
constexpr std::size_t kOneIn = 20;
#else
constexpr std::size_t kOneIn = 1;
#endif

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  return std::stoull(text);
}

}  // namespace

double Draw::spread(double least, double most) {
  constexpr std::size_t kSteps = 1000;
  const double part = static_cast<double>(below(kSteps)) / kSteps;
  return least * std::pow(most / least, part);
}

std::string run_seeds(const char* suite, std::size_t usual,
                      const std::function<void(std::uint64_t seed)>& run) {
  const auto only = number_from_environment("MODEL_SEED");
  const std::uint64_t first = only.value_or(1);
  const std::uint64_t runs =
      only ? 1 : number_from_environment("MODEL_RUNS").value_or(usual / kOneIn);
  for (std::uint64_t seed = first; seed < first + runs; ++seed) {
    try {
      run(seed);
    } catch (const std::exception& error) {
      return std::string(error.what()) + " (again: MODEL_SEED=" + std::to_string(seed) +
             " build/release/unit_tests -ts=" + suite + ")";
    }
  }
  return "";
}

bool is_replay() {
  return std::getenv("MODEL_SEED") != nullptr;
}

bool is_long_run() {
  return std::getenv("MODEL_RUNS") != nullptr;
}

}  // namespace piecework::model
