#include "peer/resume_state.h"

#include <unistd.h>

#include <system_error>

#include "common/byte_order.h"
#include "common/errors.h"
#include "common/hex.h"
#include "common/json.h"
#include "common/log.h"

namespace piecework::peer {
namespace {

constexpr std::uint64_t kMaxStateBytes = 1
                                         << 20;  // 2^20 pieces are 2^18 hex digits; plus the marks
constexpr std::uint64_t kFormatVersion = 1;
constexpr mode_t kStateMode = 0600;

std::vector<std::byte> pack(const Bitfield& pieces) {
  std::vector<std::byte> packed((pieces.size() + 7) / 8);
  for (PieceIndex piece; piece.value() < pieces.size(); ++piece) {
    if (pieces.has(piece)) packed[piece.value() / 8] |= std::byte{1} << (7 - piece.value() % 8);
  }
  return packed;
}

Bitfield unpack(const std::string& hex, std::uint32_t pieces) {
  std::vector<std::byte> packed((pieces + 7) / 8);
  if (!parse_hex(hex, packed)) throw JsonError("verified: must be hex digits for every piece");
  Bitfield result(pieces);
  for (PieceIndex piece; piece.value() < pieces; ++piece) {
    const auto bit = std::byte{1} << (7 - piece.value() % 8);
    if ((packed[piece.value() / 8] & bit) != std::byte{0}) result.set(piece);
  }
  return result;
}

// Times before 1970 wrap around, both ways.
std::uint64_t time_value(std::int64_t time_ns) {
  return static_cast<std::uint64_t>(time_ns);
}

std::int64_t require_time(const Json& json, std::string_view key) {
  return static_cast<std::int64_t>(json.require_unsigned(key, 0, UINT64_MAX));
}

constexpr std::uint64_t kMostSeconds = 100'000'000'000;  // three thousand years

// Of a member that states written by earlier versions do not have.
std::uint64_t unsigned_or_zero(const Json& json, std::string_view key, std::uint64_t most) {
  return json.find(key) == nullptr ? 0 : json.require_unsigned(key, 0, most);
}

SeedRecord parse_seeding(const Json& json) {
  SeedRecord seeding;
  seeding.fetched = json.find("fetched") != nullptr && json.require_bool("fetched");
  seeding.uploaded = unsigned_or_zero(json, "uploaded", UINT64_MAX / 2);
  seeding.seeded = milliseconds(unsigned_or_zero(json, "seeded_ms", kMostSeconds * 1000));
  seeding.completed_at =
      milliseconds(unsigned_or_zero(json, "completed_at_ms", kMostSeconds * 1000));
  seeding.removed = json.find("removed") != nullptr && json.require_bool("removed");
  return seeding;
}

// Of a directory there may be very many marks: inode, birth and time of each file, 8 bytes each and
// big-endian, as hex digits. The length goes without saying; a file that has another is none of
// ours.
constexpr std::size_t kMarkBytes = 3 * sizeof(std::uint64_t);

std::string pack_marks(const std::vector<FileMark>& marks, const Torrent& torrent) {
  std::vector<std::byte> packed(marks.size() * kMarkBytes);
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if (marks[i].length != torrent.files[i].length) continue;
    store_be_at<std::uint64_t>(packed, i * kMarkBytes, marks[i].inode);
    store_be_at<std::uint64_t>(packed, i * kMarkBytes + 8, time_value(marks[i].birth_ns));
    store_be_at<std::uint64_t>(packed, i * kMarkBytes + 16, time_value(marks[i].mtime_ns));
  }
  return to_hex(packed);
}

std::vector<FileMark> unpack_marks(const std::string& hex, const Torrent& torrent) {
  std::vector<std::byte> packed(torrent.files.size() * kMarkBytes);
  if (!parse_hex(hex, packed)) throw JsonError("marks: must be hex digits for every file");
  std::vector<FileMark> marks(torrent.files.size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const auto field = [&](std::size_t at) {
      return load_be_at<std::uint64_t>(packed, i * kMarkBytes + at);
    };
    if (field(0) == 0) continue;
    marks[i] = {.length = torrent.files[i].length,
                .inode = field(0),
                .birth_ns = static_cast<std::int64_t>(field(8)),
                .mtime_ns = static_cast<std::int64_t>(field(16))};
  }
  return marks;
}

FileMark parse_mark(const Json& json) {
  FileMark mark;
  mark.length = json.require_unsigned("length", 0, UINT64_MAX);
  mark.inode = json.require_unsigned("inode", 0, UINT64_MAX);
  mark.birth_ns = require_time(json, "birth_ns");
  mark.mtime_ns = require_time(json, "mtime_ns");
  return mark;
}

}  // namespace

ResumeState parse_resume_state(std::string_view text, const Torrent& torrent) {
  const Json json = Json::parse(text);
  json.require_unsigned("version", kFormatVersion, kFormatVersion);
  if (json.require_string("info_hash") != torrent.info_hash.to_hex()) {
    throw JsonError("info_hash: is another torrent's");
  }
  ResumeState state;
  state.files = torrent.is_tree() ? unpack_marks(json.require_string("marks"), torrent)
                                  : std::vector{parse_mark(json)};
  state.complete = json.require_bool("complete");
  state.clean = json.require_bool("clean");
  state.verified = unpack(json.require_string("verified"), torrent.layout.count());
  state.seeding = parse_seeding(json);
  return state;
}

std::string format_resume_state(const Torrent& torrent, const ResumeState& state) {
  const SeedRecord& seeding = state.seeding;
  Json json;
  json.add("version", kFormatVersion)
      .add("info_hash", torrent.info_hash.to_hex())
      .add("name", torrent.file_name);
  if (torrent.is_tree()) {
    json.add("marks", pack_marks(state.files, torrent));
  } else {
    const FileMark& file = state.files.front();
    json.add("length", file.length)
        .add("inode", file.inode)
        .add("birth_ns", time_value(file.birth_ns))
        .add("mtime_ns", time_value(file.mtime_ns));
  }
  json.add("complete", state.complete)
      .add("clean", state.clean)
      .add("verified", to_hex(pack(state.verified)))
      .add("fetched", seeding.fetched)
      .add("uploaded", seeding.uploaded)
      .add("seeded_ms", std::int64_t{seeding.seeded.count()})
      .add("completed_at_ms", std::int64_t{seeding.completed_at.count()})
      .add("removed", seeding.removed);
  return json.dump() + "\n";
}

std::string resume_state_path(const std::string& state_dir, const InfoHash& info_hash) {
  return state_dir + "/" + info_hash.to_hex() + ".json";
}

std::optional<ResumeState> load_resume_state(const std::string& state_dir, const Torrent& torrent) {
  const std::string path = resume_state_path(state_dir, torrent.info_hash);
  try {
    const std::uint64_t limit = kMaxStateBytes + torrent.files.size() * kMarkBytes * 2;
    return parse_resume_state(read_small_file(path, limit), torrent);
  } catch (const JsonError& error) {
    log_warn("state.ignored", {{"path", path}, {"reason", error.what()}});
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) {
      log_warn("state.ignored", {{"path", path}, {"reason", error.what()}});
    }
  }
  return std::nullopt;
}

void save_resume_state(const std::string& state_dir, const Torrent& torrent,
                       const ResumeState& state, Durability durability) {
  write_file_atomically(resume_state_path(state_dir, torrent.info_hash),
                        format_resume_state(torrent, state), kStateMode, durability);
}

void remove_resume_state(const std::string& state_dir, const InfoHash& info_hash) {
  ::unlink(resume_state_path(state_dir, info_hash).c_str());
}

}  // namespace piecework::peer
