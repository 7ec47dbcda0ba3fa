// The program that libFuzzer drives: FUZZ_TARGET=torrent build/fuzz/fuzz [OPTION...] [CORPUS...].
// Without inputs to try it runs for ever; with files it runs those only. -help=1 lists its options.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "tests/fuzz/fuzz.h"

namespace piecework::fuzz {
namespace {

constexpr int kExitUsage = 64;  // sysexits.h

const Target* chosen = nullptr;

void choose() {
  const char* const name = std::getenv("FUZZ_TARGET");
  for (const Target& target : targets()) {
    if (name != nullptr && name == target.name) chosen = &target;
  }
  if (chosen != nullptr) return;
  std::cerr << "FUZZ_TARGET must be one of:\n";
  for (const Target& target : targets()) std::cerr << target.name << '\n';
  std::_Exit(kExitUsage);
}

}  // namespace
}  // namespace piecework::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  piecework::fuzz::choose();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  piecework::fuzz::chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
