#include "common/torrent.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "common/atomic_file.h"
#include "common/byte_order.h"
#include "common/errors.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/python_repr.h"
#include "common/torrent_signature.h"

namespace piecework {
namespace {

constexpr std::size_t kMaxTrackers = 64;
constexpr std::size_t kShortHexDigits = 8;
constexpr std::size_t kSha1Bytes = 20;
constexpr std::string_view kFileHashPrefix = "piecework-info-1\n";
constexpr std::string_view kTreeHashPrefix = "piecework-info-2\n";
constexpr std::uint64_t kMaxFileLength = std::numeric_limits<std::int64_t>::max();  // off_t

constexpr std::uint32_t kMinChosenPieceLength = 64U << 10;
constexpr std::uint32_t kMaxChosenPieceLength = 16U << 20;
constexpr std::uint64_t kMaxChosenPieces = 2000;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

HostPort parse_tracker(const Json& json) {
  const std::string& host = json.require_string("announce");
  const std::string problem = host_problem(host);
  if (!problem.empty()) throw JsonError("announce: " + problem);
  const std::uint64_t port = json.require_unsigned("port", 1, 65535);
  return {host, static_cast<std::uint16_t>(port)};
}

std::vector<HostPort> parse_trackers(const Json& document) {
  std::vector<HostPort> trackers{parse_tracker(document)};
  if (document.find("announce_list") == nullptr) return trackers;
  const Json::Array& list = document.require_array("announce_list");
  if (list.size() > kMaxTrackers) throw JsonError("announce_list: more than 64 entries");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = "announce_list[" + std::to_string(i) + "]";
    if (!list[i].is_object()) throw JsonError(where + ": must be an object");
    try {
      trackers.push_back(parse_tracker(list[i]));
    } catch (const JsonError& error) {
      throw JsonError(where + "." + error.what());
    }
  }
  return trackers;
}

TreeFile parse_tree_file(const Json& json) {
  if (!json.is_object()) throw JsonError("must be an object");
  TreeFile file;
  file.path = json.require_string("path");
  file.length = json.require_unsigned("length", 0, kMaxFileLength);
  if (json.find("executable") != nullptr) file.executable = json.require_bool("executable");
  return file;
}

// Of a directory. As in BEP 3 there is one length or there are files: who does not know of these
// misses the length, and does not take the directory for a file.
std::vector<TreeFile> parse_files(const Json& info) {
  const Json::Array& list = info.require_array("files");
  if (list.empty()) throw JsonError("files: must not be empty");
  if (list.size() > kMaxTreeFiles) {
    throw JsonError("files: has " + std::to_string(list.size()) + " entries, more than " +
                    std::to_string(kMaxTreeFiles));
  }
  if (info.find("file_length") != nullptr) throw JsonError("file_length: must not be beside files");
  const auto fail = [](std::size_t file, const std::string& what) {
    throw JsonError("files[" + std::to_string(file) + "]" + what);
  };
  std::vector<TreeFile> files;
  files.reserve(list.size());
  for (const Json& entry : list) {
    try {
      files.push_back(parse_tree_file(entry));
    } catch (const JsonError& error) {
      fail(files.size(), (entry.is_object() ? "." : ": ") + std::string(error.what()));
    }
  }
  if (const auto problem = tree_problem(files)) fail(problem->file, "." + problem->what);
  return files;
}

std::uint64_t total_length(const std::vector<TreeFile>& files) {
  std::uint64_t total = 0;
  for (const TreeFile& file : files) total += file.length;
  return total;
}

// The lengths, once it is sure that they agree with `hashes`.
PieceLayout parse_layout(const Json& info, const std::vector<TreeFile>& files, std::size_t hashes) {
  const std::uint64_t piece_length = info.require_unsigned("piece_length", 1, kMaxPieceLength);
  const std::uint64_t file_length = !files.empty()
                                        ? total_length(files)
                                        : info.require_unsigned("file_length", 0, kMaxFileLength);
  const std::uint64_t pieces =
      file_length / piece_length + (file_length % piece_length != 0 ? 1 : 0);
  if (pieces > kMaxPieces) {
    throw JsonError("piece_length: makes " + std::to_string(pieces) + " pieces, more than " +
                    std::to_string(kMaxPieces));
  }
  if (hashes != pieces) {
    throw JsonError("piece_hash: has " + std::to_string(hashes) +
                    " entries, but the lengths make " + std::to_string(pieces) + " pieces");
  }
  return PieceLayout(file_length, static_cast<std::uint32_t>(piece_length));
}

// The form that `text` can only be in, if it is in any.
HashForm form_of(std::string_view text) {
  if (text.starts_with("b'") || text.starts_with("b\"")) return HashForm::kOriginal;
  return text.size() == 2 * kSha1Bytes ? HashForm::kSha1 : HashForm::kSha256;
}

std::optional<Digest> parse_digest(HashForm form, std::string_view text) {
  if (form != HashForm::kOriginal) return Digest::parse_hex(text);
  std::array<std::byte, kSha1Bytes> raw;
  if (!parse_python_repr(text, raw)) return std::nullopt;
  return Digest(HashKind::kSha1, raw);
}

std::string format_digest(HashForm form, const Digest& digest) {
  return form == HashForm::kOriginal ? python_repr(digest.raw()) : digest.to_hex();
}

void parse_hashes(const Json::Array& hashes, Torrent& torrent) {
  const auto fail = [&](const std::string& what) {
    throw JsonError("piece_hash[" + std::to_string(torrent.piece_digests.size()) + "]: " + what);
  };
  torrent.piece_digests.reserve(hashes.size());
  for (const Json& hash : hashes) {
    if (hash.string() == nullptr) fail("must be a string");
    const HashForm form = form_of(*hash.string());
    const std::optional<Digest> digest = parse_digest(form, *hash.string());
    if (!digest) fail("must be 64 or 40 hexadecimal digits or the Python repr of 20 bytes");
    if (torrent.piece_digests.empty()) torrent.form = form;
    if (form != torrent.form) fail("is in another form than the first");
    torrent.piece_digests.push_back(*digest);
  }
}

void parse_info(const Json& info, Torrent& torrent) {
  torrent.file_name = info.require_string("file_name");
  const std::string problem = file_name_problem(torrent.file_name);
  if (!problem.empty()) throw JsonError("file_name: " + problem);
  const Json::Array& hashes = info.require_array("piece_hash");
  if (info.find("files") != nullptr) torrent.files = parse_files(info);
  torrent.layout = parse_layout(info, torrent.files, hashes.size());
  parse_hashes(hashes, torrent);
  // The original programs know single files only.
  if (torrent.is_tree() && torrent.form == HashForm::kOriginal) {
    throw JsonError("files: must not be with hashes in the original form");
  }
}

Json tracker_json(const HostPort& tracker) {
  Json json;
  json.add("announce", tracker.host).add("port", std::uint64_t{tracker.port});
  return json;
}

Json files_json(const std::vector<TreeFile>& files) {
  Json::Array list;
  list.reserve(files.size());
  for (const TreeFile& file : files) {
    Json json;
    json.add("path", file.path).add("length", file.length);
    if (file.executable) json.add("executable", true);
    list.push_back(std::move(json));
  }
  return list;
}

Json info_json(const Torrent& torrent) {
  Json::Array hashes;
  hashes.reserve(torrent.piece_digests.size());
  for (const Digest& digest : torrent.piece_digests) {
    hashes.emplace_back(format_digest(torrent.form, digest));
  }
  Json info;
  info.add("file_name", torrent.file_name);
  if (torrent.is_tree()) {
    info.add("files", files_json(torrent.files));
  } else {
    info.add("file_length", torrent.layout.file_length());
  }
  info.add("piece_length", std::uint64_t{torrent.layout.piece_length()});
  info.add("piece_hash", std::move(hashes));
  return info;
}

void hash_number(Hasher& hasher, std::uint64_t number) {
  std::array<std::byte, sizeof number> bytes;
  store_be<std::uint64_t>(bytes, number);
  hasher.update(bytes);
}

void hash_text(Hasher& hasher, std::string_view text) {
  hash_number(hasher, text.size());
  hasher.update(bytes_of(text));
}

void hash_files(Hasher& hasher, const std::vector<TreeFile>& files) {
  hash_number(hasher, files.size());
  for (const TreeFile& file : files) {
    hash_text(hasher, file.path);
    hash_number(hasher, file.length);
    hash_number(hasher, file.executable ? 1 : 0);
  }
}

}  // namespace

std::optional<InfoHash> InfoHash::parse_hex(std::string_view text) {
  InfoHash hash;
  if (!piecework::parse_hex(text, hash.bytes_)) return std::nullopt;
  return hash;
}

std::string InfoHash::to_hex() const {
  return piecework::to_hex(bytes_);
}

std::string InfoHash::to_short_hex() const {
  return to_hex().substr(0, kShortHexDigits);
}

Torrent parse_torrent(std::string_view text) {
  if (text.size() > kMaxTorrentBytes) {
    throw TorrentError("larger than " + std::to_string(kMaxTorrentBytes) + " bytes");
  }
  Torrent torrent;
  try {
    const Json document = Json::parse(text);
    if (!document.is_object()) throw JsonError("the value: must be an object");
    torrent.trackers = parse_trackers(document);
    torrent.comment = document.require_string("comment");
    torrent.signature = parse_signature(document);
    const Json& info = document.require_object("info");
    try {
      parse_info(info, torrent);
    } catch (const JsonError& error) {
      throw TorrentError(std::string("info.") + error.what());
    }
  } catch (const JsonError& error) {
    throw TorrentError(error.what());
  }
  torrent.info_hash = compute_info_hash(torrent);
  return torrent;
}

Torrent read_torrent(const std::string& path) {
  std::string text;
  try {
    text = read_small_file(path, kMaxTorrentBytes);
  } catch (const std::system_error& error) {
    if (error.code().value() != EFBIG) throw;
    throw TorrentError("larger than " + std::to_string(kMaxTorrentBytes) + " bytes");
  }
  return parse_torrent(text);
}

std::string format_torrent(const Torrent& torrent) {
  Json document = tracker_json(torrent.trackers.front());
  document.add("comment", torrent.comment);
  if (torrent.trackers.size() > 1) {
    Json::Array others;
    for (std::size_t i = 1; i < torrent.trackers.size(); ++i) {
      others.push_back(tracker_json(torrent.trackers[i]));
    }
    document.add("announce_list", std::move(others));
  }
  if (torrent.signature) document.add("signature", signature_json(*torrent.signature));
  document.add("info", info_json(torrent));
  return document.dump_pretty() + "\n";
}

InfoHash compute_info_hash(const Torrent& torrent) {
  Hasher hasher(HashKind::kSha256);
  hasher.update(bytes_of(torrent.is_tree() ? kTreeHashPrefix : kFileHashPrefix));
  hash_text(hasher, torrent.file_name);
  if (torrent.is_tree()) {
    hash_files(hasher, torrent.files);
  } else {
    hash_number(hasher, torrent.layout.file_length());
  }
  hash_number(hasher, torrent.layout.piece_length());
  for (const Digest& digest : torrent.piece_digests) hasher.update(digest.raw());
  const Digest digest = hasher.finish();
  std::array<std::byte, 32> bytes;
  std::ranges::copy(digest.raw(), bytes.begin());
  return InfoHash(bytes);
}

FileLayout file_layout(const Torrent& torrent) {
  if (!torrent.is_tree()) return FileLayout({torrent.layout.file_length()});
  std::vector<std::uint64_t> lengths;
  lengths.reserve(torrent.files.size());
  for (const TreeFile& file : torrent.files) lengths.push_back(file.length);
  return FileLayout(lengths);
}

std::uint32_t choose_piece_length(std::uint64_t file_length, bool original_form) {
  const std::uint32_t most = original_form ? kMaxOriginalPieceLength : kMaxChosenPieceLength;
  std::uint32_t length = kMinChosenPieceLength;
  while (length < most && file_length > length * kMaxChosenPieces) length *= 2;
  return length;
}

}  // namespace piecework

std::size_t std::hash<piecework::InfoHash>::operator()(
    const piecework::InfoHash& info_hash) const noexcept {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(info_hash.bytes().data()), info_hash.bytes().size()});
}
