#include "peer/peerctl_tls.h"

#include <string>
#include <string_view>

#include "common/errors.h"
#include "common/printable.h"
#include "peer/peerctl_io.h"

namespace piecework::peer::peerctl {

std::vector<OptionSpec> with_tls_options(std::vector<OptionSpec> options) {
  options.push_back({.name = "--tls-ca",
                     .value_name = "FILE",
                     .help = "speak TLS, with hosts whose certificate is from this CA"});
  options.push_back(
      {.name = "--tls-certificate", .value_name = "FILE", .help = "our own certificate from it"});
  options.push_back({.name = "--tls-key", .value_name = "FILE", .help = "and its private key"});
  return options;
}

std::shared_ptr<const TlsContext> tls_of(const CommandLine& line) {
  TlsFiles files;
  int given = 0;
  for (const auto& [option, file] : {std::pair(std::string_view("--tls-ca"), &files.ca),
                                     {"--tls-certificate", &files.certificate},
                                     {"--tls-key", &files.key}}) {
    const auto value = line.value(option);
    if (!value) continue;
    if (value->empty()) throw UsageError(std::string(option) + ": no file named");
    *file = *value;
    ++given;
  }
  if (given != 0 && given != 3) {
    throw UsageError("--tls-ca, --tls-certificate and --tls-key belong together");
  }
  auto context = TlsContext::load(files);
  if (context && context->key_is_exposed()) {
    print_note("peerctl: warning: others may read or change " + printable(files.key));
  }
  return context;
}

}  // namespace piecework::peer::peerctl
