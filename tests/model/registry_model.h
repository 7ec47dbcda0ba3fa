// The tracker's registry beside one that a child would write: a list that is searched from end to
// end. Both are told the same, in the order that the seed says, and must give the same answers.
#pragma once

#include <cstdint>
#include <string>

namespace piecework::model {

struct RegistryStats {
  std::uint64_t joined = 0;
  std::uint64_t renewed = 0;
  std::uint64_t refused = 0;
  std::uint64_t left = 0;
  std::uint64_t expired = 0;
  std::uint64_t named = 0;  // peers in answers

  RegistryStats& operator+=(const RegistryStats& other);
};
std::string to_text(const RegistryStats& stats);  // for people

// Throws ModelError when they differ.
RegistryStats run_registry(std::uint64_t seed);

}  // namespace piecework::model
