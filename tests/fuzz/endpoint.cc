#include "common/endpoint.h"

#include "tests/fuzz/fuzz.h"

namespace piecework::fuzz {
namespace {

template <typename T>
void fuzz_text_form(std::string_view input) {
  const auto value = T::parse(input);
  if (value) must(T::parse(value->to_string()) == value, "what is read is written to be read");
}

}  // namespace

void fuzz_endpoint(std::string_view input) {
  fuzz_text_form<IpAddress>(input);
  fuzz_text_form<Endpoint>(input);
  fuzz_text_form<Network>(input);
  fuzz_text_form<HostPort>(input);
  must(HostPort::problem(input).empty() == HostPort::parse(input).has_value(),
       "a problem is named exactly when there is one");
}

}  // namespace piecework::fuzz
