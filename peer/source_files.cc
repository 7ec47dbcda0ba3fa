#include "peer/source_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/errors.h"
#include "common/file_names.h"
#include "common/socket.h"

namespace piecework::peer {
namespace {

namespace fs = std::filesystem;

// Empty for a file or a directory.
std::string kind_problem(fs::file_type type) {
  switch (type) {
    case fs::file_type::regular:
    case fs::file_type::directory: return "";
    case fs::file_type::symlink: return "is a symbolic link";
    case fs::file_type::fifo: return "is a FIFO";
    case fs::file_type::socket: return "is a socket";
    case fs::file_type::block:
    case fs::file_type::character: return "is a device";
    default: return "is no regular file";
  }
}

class Scan {
 public:
  explicit Scan(std::string root) : root_(std::move(root)) {}

  SourceFiles run() {
    visit("");
    if (found_.empty()) throw TorrentError(root_ + ": holds no files");
    std::sort(found_.begin(), found_.end(),
              [](const Found& a, const Found& b) { return a.file.path < b.file.path; });
    SourceFiles source;
    source.empty_directories = empty_directories_;
    for (Found& found : found_) {
      source.paths.push_back(root_ + "/" + found.file.path);
      source.marks.push_back(found.mark);
      source.files.push_back(std::move(found.file));
    }
    if (const auto problem = tree_problem(source.files)) {
      throw TorrentError(source.paths[problem->file] + ": " + problem->what);
    }
    return source;
  }

 private:
  struct Found {
    TreeFile file;
    FileMark mark;
  };

  // `prefix` is "" or ends in a slash.
  void visit(const std::string& prefix) {
    const std::string path = root_ + "/" + prefix;
    std::error_code error;
    bool empty = true;
    fs::directory_iterator entries(path, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      empty = false;
      take(prefix + entries->path().filename().string());
    }
    if (error) throw std::system_error(error, path);
    if (empty) ++empty_directories_;
  }

  void take(const std::string& path) {
    const std::string full = root_ + "/" + path;
    // Also of directories: nothing deeper than a path may be is looked at.
    const std::string problem = tree_path_problem(path);
    if (!problem.empty()) throw TorrentError(full + ": its path " + problem);
    std::error_code error;
    const fs::file_status status = fs::symlink_status(full, error);
    if (error) throw std::system_error(error, full);
    const std::string kind = kind_problem(status.type());
    if (!kind.empty()) throw TorrentError(full + ": " + kind + ", which cannot be in a torrent");
    if (status.type() == fs::file_type::directory) return visit(path + "/");
    if (found_.size() == kMaxTreeFiles) {
      throw TorrentError(root_ + ": holds more than " + std::to_string(kMaxTreeFiles) + " files");
    }
    const auto mark = FileMark::at(full);
    if (!mark) throw_errno(full);
    const bool executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
    found_.push_back({{path, mark->length, executable}, *mark});
  }

  const std::string root_;
  std::vector<Found> found_;
  std::size_t empty_directories_ = 0;
};

}  // namespace

std::uint64_t SourceFiles::total_bytes() const {
  std::uint64_t total = 0;
  for (const FileMark& mark : marks) total += mark.length;
  return total;
}

std::optional<std::string> SourceFiles::changed() const {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (FileMark::at(paths[i]) != marks[i]) return paths[i];
  }
  return std::nullopt;
}

SourceFiles source_file(const std::string& path) {
  const auto mark = FileMark::at(path);
  if (!mark) throw_errno(path);
  SourceFiles source;
  source.paths = {path};
  source.marks = {*mark};
  return source;
}

SourceFiles source_directory(const std::string& path) {
  return Scan(path).run();
}

UniqueFd open_source(const std::string& path) {
  // Without O_NONBLOCK a FIFO would wait here for a writer.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat status;
  if (!file.valid() || ::fstat(file.get(), &status) < 0) throw_errno(path);
  if (S_ISREG(status.st_mode)) return file;
  errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
  throw_errno(path + " is not a regular file");
}

}  // namespace piecework::peer
