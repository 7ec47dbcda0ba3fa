// What the daemons do about their own files and directories when they start.
// One thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "common/log.h"

namespace piecework {

// Who chose a path decides what happens when it cannot be used: one that the operator named stops
// the start, a built-in default is given up with a word on stderr.
enum class PathChoice { kDefault, kConfigured };

// A directory that cannot be made, whatever else can be wrong with a start.
class CreateError : public std::system_error {
  using std::system_error::system_error;
};

// Makes the directory `path` and those above it (mode 0777 less the umask), if they are missing.
// Throws CreateError naming it.
void make_directories(const std::string& path);
// Makes those above `path` only.
void make_parent_directories(const std::string& path);

// `path` from the root, without `.`, `..`, a `/` at the end or symbolic links, as far as it exists:
// equal for two names of one file or directory.
std::string canonical_path(const std::string& path);

// Opens the log at `path`, with its directory. When it cannot be opened, throws std::system_error
// (kConfigured), or says so on stderr in the name of `program` and logs there (kDefault).
void open_daemon_log(std::string_view program, const std::string& path, PathChoice choice,
                     LogLevel level);

// As many open files as the system grants this process (getrlimit(2)): a connection is one.
void raise_descriptor_limit() noexcept;

// Are so many of them in use that the rest, at most a quarter, is better kept for what comes and
// goes, such as connections? Safe from any thread.
bool descriptors_run_short() noexcept;

}  // namespace piecework
