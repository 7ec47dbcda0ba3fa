#include "peer/peerctl_make.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <filesystem>
#include <span>
#include <system_error>

#include "common/atomic_file.h"
#include "common/command_line.h"
#include "common/errors.h"
#include "common/torrent.h"
#include "common/torrent_signature.h"
#include "common/units.h"
#include "common/utf8.h"
#include "peer/file_set.h"
#include "peer/hash_file.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_keys.h"
#include "peer/progress.h"
#include "peer/source_files.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::size_t kMostOpen = 64;

struct Request {
  std::string file;
  std::string out;
  std::optional<std::string> key;  // the path of the one to sign with
  std::optional<std::uint32_t> piece_length;
  Torrent torrent;  // trackers, comment, form and name so far
};

// No host has a name of digits and dots only; what resolvers make of such words differs.
bool is_mistyped_address(const std::string& host) {
  return host.find_first_not_of("0123456789.") == std::string::npos && !IpAddress::parse(host);
}

std::vector<HostPort> read_trackers(const CommandLine& line) {
  std::vector<HostPort> trackers;
  for (const std::string& text : line.values("--announce")) {
    const std::optional<HostPort> tracker = HostPort::parse(text);
    if (!tracker) throw UsageError("--announce " + text + ": " + HostPort::problem(text));
    if (is_mistyped_address(tracker->host)) {
      throw UsageError("--announce " + text + ": " + tracker->host + " is no IPv4 address");
    }
    if (tracker->port == 0) throw UsageError("--announce " + text + ": port 0 is no tracker's");
    trackers.push_back(*tracker);
  }
  if (trackers.empty()) throw UsageError("missing option --announce HOST:PORT");
  return trackers;
}

std::optional<std::uint32_t> read_piece_length(const CommandLine& line, bool original) {
  const std::optional<std::string> text = line.value("--piece-length");
  if (!text) return std::nullopt;
  const std::uint32_t most = original ? kMaxOriginalPieceLength : kMaxPieceLength;
  const std::optional<std::uint64_t> length = parse_size(*text);
  if (!length || *length == 0 || *length > most) {
    throw UsageError("--piece-length " + *text + ": must be a size from 1 byte to " +
                     format_size(most) + (original ? " in the original form" : ""));
  }
  return static_cast<std::uint32_t>(*length);
}

// "DIR/" is DIR.
std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// "." and ".." have another name where they are.
std::string with_a_name(const std::string& path) {
  const std::string_view name = std::string_view(path).substr(directory_prefix(path).size());
  if (name != "." && name != "..") return path;
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

Request read_request(const CommandLine& line) {
  Request request;
  const bool original = line.has("--original");
  request.file = with_a_name(without_trailing_slashes(line.positionals().front()));
  request.out = line.value("-o").value_or(request.file + ".torrent");
  request.key = line.value("--sign");
  request.piece_length = read_piece_length(line, original);
  request.torrent.trackers = read_trackers(line);
  request.torrent.comment = line.value("--comment").value_or("");
  if (!is_utf8(request.torrent.comment)) throw UsageError("--comment: must be UTF-8");
  request.torrent.form = original ? HashForm::kOriginal : HashForm::kSha256;
  request.torrent.file_name = request.file.substr(directory_prefix(request.file).size());
  return request;
}

[[noreturn]] void cannot_create(const std::string& out, const std::string& why) {
  throw CommandError(kExitCantCreate, out + ": " + why);
}

// The files of what is to be described.
SourceFiles find_source(const Request& request) {
  struct stat status;
  if (::stat(request.file.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    open_data_file(request.file);  // says what is wrong
    return source_file(request.file);
  }
  if (request.torrent.form == HashForm::kOriginal) {
    throw UsageError("--original: the original programs know no directories, such as " +
                     request.file);
  }
  return source_directory(request.file);
}

bool is_one_of(const struct stat& file, const SourceFiles& source) {
  for (std::size_t i = 0; i < source.paths.size(); ++i) {
    struct stat status;
    if (source.marks[i].inode == file.st_ino && ::stat(source.paths[i].c_str(), &status) == 0 &&
        status.st_dev == file.st_dev && status.st_ino == file.st_ino) {
      return true;
    }
  }
  return false;
}

bool is_key(const struct stat& file, const Request& request) {
  struct stat status;
  return request.key && ::stat(request.key->c_str(), &status) == 0 &&
         status.st_dev == file.st_dev && status.st_ino == file.st_ino;
}

// A torrent of before may be replaced; so may an empty file, such as mktemp(1) makes.
void check_replaceable(const std::string& out, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) cannot_create(out, "not a regular file");
  if (status.st_size == 0) return;
  try {
    read_torrent(out);
  } catch (const TorrentError&) {
    cannot_create(out, "is there already and is no torrent");
  } catch (const std::system_error& error) {
    throw CommandError(kExitCantCreate, error.what());
  }
}

// The directory of what is to be described would not be what the torrent says any more.
void check_not_within(const Request& request, const std::string& out_directory) {
  std::error_code error;
  const std::filesystem::path source = std::filesystem::canonical(request.file, error);
  const std::filesystem::path out = std::filesystem::canonical(out_directory, error);
  if (error) return;  // found out by whoever writes there
  if (std::mismatch(source.begin(), source.end(), out.begin(), out.end()).first == source.end()) {
    throw UsageError("-o " + request.out + ": is in " + request.file +
                     ", and would be one of the files in it");
  }
}

// Before anything is hashed: can the result be written where it is wanted, and is nothing lost by
// that?
void check_output(const Request& request, const SourceFiles& source) {
  if (request.out == "-") return;
  const std::string directory = std::string(directory_prefix(request.out)) + ".";
  struct stat status;
  if (::stat(request.out.c_str(), &status) == 0) {
    if (is_one_of(status, source)) {
      throw UsageError("-o " + request.out + ": is FILE itself" +
                       (source.files.empty() ? "" : ", or one of the files in it"));
    }
    if (is_key(status, request)) {
      throw UsageError("-o " + request.out + ": is the key to sign with");
    }
    check_replaceable(request.out, status);
  } else if (errno != ENOENT) {
    cannot_create(request.out, std::generic_category().message(errno));
  }
  if (!source.files.empty()) check_not_within(request, directory);
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    cannot_create(request.out, std::generic_category().message(errno));
  }
}

PieceLayout choose_layout(const Request& request, std::uint64_t file_length) {
  const bool original = request.torrent.form == HashForm::kOriginal;
  const std::uint32_t length =
      request.piece_length.value_or(choose_piece_length(file_length, original));
  const std::uint64_t pieces = file_length / length + (file_length % length != 0 ? 1 : 0);
  if (pieces <= kMaxPieces) return PieceLayout(file_length, length);
  const std::uint64_t enough = std::bit_ceil((file_length - 1) / kMaxPieces + 1);
  const std::uint32_t most = original ? kMaxOriginalPieceLength : kMaxPieceLength;
  throw UsageError(request.file + " would have " + std::to_string(pieces) + " pieces, more than " +
                   std::to_string(kMaxPieces) +
                   (enough <= most ? "; use --piece-length " + std::to_string(enough) + " or more"
                    : original     ? "; it is too large for --original"
                                   : "; it is too large for a torrent"));
}

std::vector<Digest> hash(const Request& request, const SourceFiles& source) {
  Progress progress(request.file, source.total_bytes());
  HashOptions options;
  options.on_progress = [&](std::uint64_t bytes) { progress.add(bytes); };
  FileSet files(file_layout(request.torrent), kMostOpen, [&](std::uint32_t file) {
    const std::string& path = source.paths[file];
    return source.files.empty() ? open_data_file(path).fd : open_source(path);
  });
  const ReadAt read = [&](std::uint64_t offset, std::span<std::byte> buffer) {
    return files.read(offset, buffer);
  };
  std::optional<std::vector<Digest>> digests;
  std::string problem;
  try {
    digests = hash_pieces(read, request.torrent.layout, request.torrent.hash_kind(), options);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  progress.finish();
  if (const auto changed = source.changed()) {
    throw CommandError(kExitTempFail, *changed + ": changed while it was hashed; try again");
  }
  if (!digests) throw CommandError(kExitIo, request.file + ": " + problem);
  return std::move(*digests);
}

// What a plain open(2) would make of a new file.
mode_t new_file_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

void write_result(const Request& request, const std::string& text) {
  if (request.out == "-") return print_out(text);
  try {
    write_file_atomically(request.out, text, new_file_mode(), Durability::kCached);
  } catch (const std::system_error& error) {
    throw CommandError(kExitCantCreate, error.what());
  }
}

void note_result(const Torrent& torrent, const SourceFiles& source) {
  print_note("info hash " + torrent.info_hash.to_hex() + ", " +
             (torrent.is_tree() ? format_count(torrent.files.size(), "file") + ", " : "") +
             format_count(torrent.layout.count(), "piece") + " of " +
             format_size(torrent.layout.piece_length()));
  if (source.empty_directories == 0) return;
  print_note(std::to_string(source.empty_directories) +
             (source.empty_directories == 1 ? " empty directory is" : " empty directories are") +
             " not in the torrent");
}

}  // namespace

CommandSpec make_spec() {
  return {
      .name = "peerctl make",
      .usage = "FILE --announce HOST:PORT [options]",
      .about =
          "Hashes FILE on all cores and writes its torrent. FILE must not change meanwhile.\n"
          "The torrent names FILE by the last part of its path. FILE may be a directory: then it\n"
          "is a torrent of all files in it. Symbolic links and special files are refused, empty\n"
          "directories are left out.",
      .positionals = {"FILE"},
      .required_positionals = 1,
      .options = {{.name = "--announce",
                   .value_name = "HOST:PORT",
                   .help = "a tracker; may be given several times, tried in that order",
                   .repeatable = true},
                  {.name = "-o",
                   .value_name = "OUT",
                   .help = "where to write the torrent; - is stdout (default: FILE.torrent);\n"
                           "what is there already is replaced only if it is a torrent"},
                  {.name = "--piece-length",
                   .value_name = "N",
                   .help = "bytes of a piece, such as 1MiB, at most 64MiB\n"
                           "(default: whatever makes 1,000 to 2,000 pieces, 64KiB to 16MiB)"},
                  {.name = "--original",
                   .help = "write hashes that the original programs of 2018 understand;\n"
                           "pieces are then at most 256KiB"},
                  {.name = "--comment",
                   .value_name = "TEXT",
                   .help = "a remark for whoever reads the torrent"},
                  {.name = "--sign",
                   .value_name = "KEY",
                   .help = "sign it with the private key in the file KEY; see keygen"}}};
}

int run_make(const CommandLine& line) {
  Request request = read_request(line);
  const std::optional<SigningKey> key = signing_key_of(line);
  Torrent& torrent = request.torrent;
  const std::string problem = file_name_problem(torrent.file_name);
  if (!problem.empty()) throw CommandError(kExitData, request.file + ": its name " + problem);
  SourceFiles source = find_source(request);
  check_output(request, source);
  torrent.layout = choose_layout(request, source.total_bytes());
  torrent.files = source.files;
  torrent.piece_digests = hash(request, source);
  torrent.info_hash = compute_info_hash(torrent);
  if (key) torrent.signature = sign_torrent(torrent, *key);
  write_result(request, format_torrent(torrent));
  note_result(torrent, source);
  if (key) print_note("signed with " + torrent.signature->key.to_hex());
  return kExitOk;
}

}  // namespace piecework::peer::peerctl
