#include "peer/peerctl_local.h"

#include <signal.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "common/atomic_file.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::uint64_t kMaxNameBytes = 256;

}  // namespace

PeerConfig load_peerd_config(const CommandLine& line) {
  PeerConfig config;
  const auto given = line.value("--config");
  peer_schema(config).load(
      given.value_or(kDefaultPeerConfig),
      given ? ConfigSchema::Missing::kIsAnError : ConfigSchema::Missing::kIsFine);
  return config;
}

bool is_gone(const NodeStatus& status) {
  if (::kill(static_cast<pid_t>(status.pid), 0) < 0 && errno == ESRCH) return true;
  try {
    const std::string name =
        read_small_file("/proc/" + std::to_string(status.pid) + "/comm", kMaxNameBytes);
    return name.find("peerd") == std::string::npos;
  } catch (const std::system_error&) {
    return false;  // not for us to see
  }
}

}  // namespace piecework::peer::peerctl
