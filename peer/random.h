// The randomness of the pure modules: passed in, so that a test can repeat a run by its seed.
// One thread at a time.
#pragma once

#include <cstdint>
#include <limits>

namespace piecework::peer {

// A UniformRandomBitGenerator of eight bytes, of which each torrent has several: SplitMix64
// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
class Random {
 public:
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  explicit Random(std::uint64_t seed) : state_(seed) {}

  result_type operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace piecework::peer
