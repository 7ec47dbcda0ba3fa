// peerctl recheck, pause, resume: ask the peerd of this host to act on one of its torrents.
#pragma once

#include <span>
#include <string>

namespace piecework::peer::peerctl {

// Each returns the exit code; throws what peerctl.cc turns into one.
int run_recheck(std::span<const std::string> arguments);
int run_pause(std::span<const std::string> arguments);
int run_resume(std::span<const std::string> arguments);

}  // namespace piecework::peer::peerctl
