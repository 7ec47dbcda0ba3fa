// The randomness of the pure modules: passed in, so that a test can repeat a run by its seed.
// One thread at a time.
#pragma once

#include <random>

namespace piecework::peer {

using Random = std::mt19937_64;

}  // namespace piecework::peer
