#include "peer/peerctl_verify.h"

#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <span>
#include <system_error>

#include "common/bitfield.h"
#include "common/command_line.h"
#include "common/printable.h"
#include "common/units.h"
#include "peer/file_set.h"
#include "peer/hash_file.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_keys.h"
#include "peer/progress.h"
#include "peer/source_files.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::size_t kMostOpen = 64;

// Where the files of a torrent are to be, and how they are there.
struct Subject {
  std::vector<std::string> paths;
  std::vector<std::optional<struct stat>> found;  // nothing: missing, or no regular file
};

Subject find_subject(const std::string& path, const Torrent& torrent) {
  if (!torrent.is_tree()) return {{path}, {open_data_file(path).status}};
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    throw CommandError(kExitNoInput, path + ": " + std::generic_category().message(errno));
  }
  if (!S_ISDIR(status.st_mode)) throw CommandError(kExitNoInput, path + ": is no directory");
  Subject subject;
  for (const TreeFile& file : torrent.files) {
    subject.paths.push_back(path + "/" + file.path);
    const bool is_file =
        ::lstat(subject.paths.back().c_str(), &status) == 0 && S_ISREG(status.st_mode);
    subject.found.push_back(is_file ? std::optional(status) : std::nullopt);
  }
  return subject;
}

Bitfield check_pieces(const std::string& path, const Subject& subject, const Torrent& torrent) {
  Progress progress(path, torrent.layout.file_length());
  HashOptions options;
  options.on_progress = [&](std::uint64_t bytes) { progress.add(bytes); };
  options.on_missing = [&](std::uint64_t bytes) { progress.add_missing(bytes); };
  FileSet files(file_layout(torrent), kMostOpen, [&](std::uint32_t file) {
    const std::string& name = subject.paths[file];
    return torrent.is_tree() ? open_source(name) : open_data_file(name).fd;
  });
  const ReadAt read = [&](std::uint64_t offset, std::span<std::byte> buffer) {
    const auto part = files.layout().segment(offset, buffer.size());
    return part && subject.found[part->file] ? files.read(offset, buffer) : 0;
  };
  try {
    // Nobody cancels this run, so that there always is a result.
    return verify_pieces(read, torrent, options).value();
  } catch (const std::system_error& error) {
    throw CommandError(kExitIo, path + ": " + error.what());
  }
}

// One line for each run of pieces that are not held.
std::string list_bad(const PieceLayout& layout, const Bitfield& held) {
  std::string out;
  for (PieceIndex first; first < layout.end(); ++first) {
    if (held.has(first)) continue;
    PieceIndex last = first;
    std::uint32_t next = first.value() + 1;
    while (next < layout.count() && !held.has(PieceIndex(next))) last = PieceIndex(next++);
    const bool one = first == last;
    out += one ? "bad piece " : "bad pieces ";
    out += std::to_string(first.value());
    if (!one) out += "-" + std::to_string(last.value());
    out += ": bytes " + std::to_string(layout.offset(first)) + "-" +
           std::to_string(layout.offset(last) + layout.length(last) - 1) + "\n";
    first = last;
  }
  return out;
}

std::string compare_sizes(const std::string& name, std::uint64_t is, std::uint64_t should) {
  if (is == should) return "";
  const std::uint64_t difference = is < should ? should - is : is - should;
  return name + ": " + format_count(difference, "byte") + " " +
         (is < should ? "shorter" : "longer") + " than the torrent says\n";
}

// Of a directory, a line for each file that is not what the torrent says, or may not be.
std::string compare_file(const std::string& name, const TreeFile& should,
                         const std::optional<struct stat>& is, bool good) {
  if (!is) return name + ": missing, or no file\n";
  std::string size = compare_sizes(name, static_cast<std::uint64_t>(is->st_size), should.length);
  if (!size.empty()) return size;
  if (!good) return name + ": in a bad piece\n";
  if (((is->st_mode & S_IXUSR) != 0) == should.executable) return "";
  return name + ": is " + (should.executable ? "not " : "") + "executable, the torrent says it is" +
         (should.executable ? "" : " not") + "\n";
}

// Whether all pieces are good in which `file` has bytes.
bool is_good(std::uint32_t file, const FileLayout& files, const PieceLayout& pieces,
             const Bitfield& held) {
  if (files.length(file) == 0) return true;
  const std::uint64_t first = files.offset(file) / pieces.piece_length();
  const std::uint64_t last = (files.offset(file) + files.length(file) - 1) / pieces.piece_length();
  for (std::uint64_t piece = first; piece <= last; ++piece) {
    if (!held.has(PieceIndex(static_cast<std::uint32_t>(piece)))) return false;
  }
  return true;
}

std::string list_differences(const Torrent& torrent, const Subject& subject, const Bitfield& held) {
  if (!torrent.is_tree()) {
    return compare_sizes(printable(subject.paths.front()),
                         static_cast<std::uint64_t>(subject.found.front()->st_size),
                         torrent.layout.file_length());
  }
  const FileLayout files = file_layout(torrent);
  std::string out;
  for (std::uint32_t file = 0; file < files.count(); ++file) {
    out += compare_file(printable(subject.paths[file]), torrent.files[file], subject.found[file],
                        is_good(file, files, torrent.layout, held));
  }
  return out;
}

}  // namespace

CommandSpec verify_spec() {
  return {.name = "peerctl verify",
          .usage = "TORRENT [FILE]",
          .about =
              "Compares FILE with TORRENT, piece by piece, and says which pieces are bad.\n"
              "FILE is the file or directory that TORRENT names, beside it, unless given. What a\n"
              "directory holds beyond the files of TORRENT is not looked at.\n"
              "Exits 0 when FILE is just what TORRENT says, else 65, also when TORRENT has a\n"
              "signature that does not match.",
          .positionals = {"TORRENT", "FILE"},
          .required_positionals = 1,
          .options = {}};
}

int run_verify(const CommandLine& line) {
  const std::vector<std::string>& words = line.positionals();
  const Torrent torrent = load_trusted_torrent(words.front(), {});
  const std::string path = words.size() > 1
                               ? words[1]
                               : std::string(directory_prefix(words.front())) + torrent.file_name;
  const Subject subject = find_subject(path, torrent);
  const Bitfield held = check_pieces(path, subject, torrent);
  const std::string differences = list_differences(torrent, subject, held);
  print_out(printable(path) + ": " + std::to_string(held.held()) + " of " +
            std::to_string(held.size()) + " pieces are good\n" + list_bad(torrent.layout, held) +
            differences);
  return held.complete() && differences.empty() ? kExitOk : kExitData;
}

}  // namespace piecework::peer::peerctl
