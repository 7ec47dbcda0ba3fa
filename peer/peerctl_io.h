// What the subcommands of peerctl share: how they fail, how they open their files, how they print.
// Safe from any thread.
#pragma once

#include <sys/stat.h>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/command_line.h"
#include "common/endpoint.h"
#include "common/exit_codes.h"
#include "common/torrent.h"
#include "common/unique_fd.h"

namespace piecework::peer::peerctl {

// A subcommand cannot go on. what() is for stderr, exit_code() for the shell.
class CommandError : public std::runtime_error {
 public:
  CommandError(ExitCode exit_code, const std::string& what)
      : std::runtime_error(what), exit_code_(exit_code) {}
  ExitCode exit_code() const { return exit_code_; }

 private:
  ExitCode exit_code_;
};

// A file of data, open for reading.
struct DataFile {
  UniqueFd fd;
  struct stat status;  // as it was when opened

  std::uint64_t size() const { return static_cast<std::uint64_t>(status.st_size); }
};

// Opens the regular file at `path`. Throws CommandError 66 when there is none or it may not be
// read.
DataFile open_data_file(const std::string& path);

// Reads the torrent at `path`. Throws CommandError: 65 when it is bad, 66 when it cannot be read.
Torrent load_torrent(const std::string& path);

// The ADDRESS:PORT of each --listen, or those of `unless_given`. Throws UsageError.
std::vector<Endpoint> listen_endpoints(const CommandLine& line,
                                       std::span<const std::string_view> unless_given);

// Where the directory of `path` ends: "" or everything up to and with the last slash.
std::string_view directory_prefix(std::string_view path);

// Writes all of `text` to stdout. Throws CommandError 74 when that fails.
void print_out(std::string_view text);

// Writes all of `text` and a line feed to stderr; what cannot be written is lost.
void print_note(std::string_view text);

}  // namespace piecework::peer::peerctl
