// peerctl recheck, pause, resume: ask the peerd of this host to act on one of its torrents.
#pragma once

#include "common/command_line.h"

namespace piecework::peer::peerctl {

CommandSpec recheck_spec();
CommandSpec pause_spec();
CommandSpec resume_spec();
// Each returns an exit code; throws as peerctl.cc expects.
int run_recheck(const CommandLine& line);
int run_pause(const CommandLine& line);
int run_resume(const CommandLine& line);

}  // namespace piecework::peer::peerctl
