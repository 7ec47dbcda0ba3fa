// The options by which a subcommand of peerctl that connects speaks TLS. Stateless.
#pragma once

#include <memory>
#include <vector>

#include "common/command_line.h"
#include "common/tls_context.h"

namespace piecework::peer::peerctl {

// `options`, and --tls-ca, --tls-certificate and --tls-key.
std::vector<OptionSpec> with_tls_options(std::vector<OptionSpec> options);

// What these name; null when none is given. Throws UsageError when one of them is missing, and
// ConfigError when a file cannot be taken.
std::shared_ptr<const TlsContext> tls_of(const CommandLine& line);

}  // namespace piecework::peer::peerctl
