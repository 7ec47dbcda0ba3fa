#include "peer/peerctl_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "common/errors.h"

namespace piecework::peer::peerctl {
namespace {

std::string error_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace

DataFile open_data_file(const std::string& path) {
  // Without O_NONBLOCK a FIFO would wait here for a writer.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  DataFile file{UniqueFd(::open(path.c_str(), flags)), {}};
  if (!file.fd.valid() || ::fstat(file.fd.get(), &file.status) != 0) {
    throw CommandError(kExitNoInput, path + ": " + error_text(errno));
  }
  if (S_ISDIR(file.status.st_mode)) {
    throw CommandError(kExitNoInput, path + ": is a directory, not a file");
  }
  if (!S_ISREG(file.status.st_mode))
    throw CommandError(kExitNoInput, path + ": not a regular file");
  return file;
}

Torrent load_torrent(const std::string& path) {
  try {
    return read_torrent(path);
  } catch (const TorrentError& error) {
    throw CommandError(kExitData, path + ": " + error.what());
  } catch (const std::system_error& error) {
    throw CommandError(kExitNoInput, error.what());
  }
}

std::vector<Endpoint> listen_endpoints(const CommandLine& line,
                                       std::span<const std::string_view> unless_given) {
  std::vector<std::string> words = line.values("--listen");
  if (words.empty()) words.assign(unless_given.begin(), unless_given.end());
  std::vector<Endpoint> endpoints;
  for (const std::string& word : words) {
    const auto endpoint = Endpoint::parse(word);
    if (!endpoint) throw UsageError("--listen: " + word + " is no ADDRESS:PORT");
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

std::string_view directory_prefix(std::string_view path) {
  return path.substr(0, path.rfind('/') + 1);
}

void print_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0) throw CommandError(kExitIo, "standard output: " + error_text(errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void print_note(std::string_view text) {
  const std::string line = std::string(text) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace piecework::peer::peerctl
