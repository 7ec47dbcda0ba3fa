// What both daemons do about their own files when they start.
// One thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "common/log.h"

namespace piecework {

// Who chose a path decides what happens when it cannot be used: one that the operator named stops
// the start, a built-in default is given up with a word on stderr.
enum class PathChoice { kDefault, kConfigured };

// Makes the missing directories above `path` (mode 0755 less the umask). Throws std::system_error.
void make_parent_directories(const std::string& path);

// Opens the log at `path`, with its directory. When it cannot be opened, throws std::system_error
// (kConfigured), or says so on stderr in the name of `program` and logs there (kDefault).
void open_daemon_log(std::string_view program, const std::string& path, PathChoice choice,
                     LogLevel level);

// As many open files as the system grants this process (getrlimit(2)): a connection is one.
void raise_descriptor_limit() noexcept;

}  // namespace piecework
