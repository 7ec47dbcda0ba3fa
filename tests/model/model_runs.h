// Runs a model from many seeds. What a run does depends on its seed alone, so that one that has
// failed can be looked at: MODEL_SEED=N repeats the run of that seed, MODEL_RUNS=N says how many
// there are. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>

namespace piecework::model {

// What must never happen has happened.
class ModelError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws ModelError unless `holds`.
inline void must(bool holds, const char* invariant) {
  if (!holds) throw ModelError(invariant);
}

// Draws that are the same everywhere, which those of <random>'s distributions need not be.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  std::uint64_t number() { return random_(); }
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  // From `least` to `most`, each order of magnitude as likely as the next.
  double spread(double least, double most);

 private:
  std::mt19937_64 random_;
};

// Calls `run` with each seed; `usual` of them, fewer under ThreadSanitizer, unless the environment
// says otherwise. Returns what went wrong in the first run that failed, and how the test suite
// `suite` repeats it; empty when none did.
std::string run_seeds(const char* suite, std::size_t usual,
                      const std::function<void(std::uint64_t seed)>& run);

// What the environment asks for: one run alone, or a number of them.
bool is_replay();
bool is_long_run();

}  // namespace piecework::model
