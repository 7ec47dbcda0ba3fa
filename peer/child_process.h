// One program run to its end, in a process group of its own: never by a shell, with nothing of ours
// but its output open, and never left behind.
// Stateless functions; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "common/clock.h"
#include "common/wake_event.h"

namespace piecework::peer {

// Of what a program prints, the end is kept.
inline constexpr std::size_t kMaxOutputBytes = 512;

struct ChildCommand {
  std::vector<std::string> words;        // the path of the program first
  std::vector<std::string> environment;  // all of it: "NAME=value"
  std::string directory;                 // where it runs
};

struct ChildEnd {
  std::string problem;  // "exit status 3", "killed by signal 9"; empty when it exited with 0
  std::string output;   // the last kMaxOutputBytes of stdout and stderr, from the start of a line
};

// Runs it with /dev/null as its input. At `deadline`, and when `stop` is signalled (which it
// stays), its group gets SIGTERM, and a little later SIGKILL. Throws std::system_error naming the
// program when it cannot be run.
ChildEnd run_child(const ChildCommand& command, Deadline deadline, const WakeEvent& stop);

// Why the file at `path` cannot be run as a program; empty when it can.
std::string program_problem(const std::string& path);

}  // namespace piecework::peer
