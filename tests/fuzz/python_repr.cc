#include "common/python_repr.h"

#include <algorithm>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/support/socket_pair.h"

namespace piecework::fuzz {

// The input is taken for a text, and for bytes to be written. What Python itself says of the same
// texts: python_repr_second_opinion_test.cc.
void fuzz_python_repr(std::string_view input) {
  constexpr std::size_t kMost = 256;
  input = input.substr(0, kMost);
  int accepted = 0;
  for (std::size_t size = 0; size <= input.size(); ++size) {
    std::vector<std::byte> out(size);
    if (!parse_python_repr(input, out)) continue;
    ++accepted;
    must(python_repr(out) == input, "what is read is written the same");
  }
  must(accepted <= 1, "a text is the repr of one number of bytes");
  std::vector<std::byte> out(input.size());
  must(parse_python_repr(python_repr(bytes_of(input)), out), "what is written can be read");
  must(std::ranges::equal(out, bytes_of(input)), "what is written is read the same");
}

}  // namespace piecework::fuzz
