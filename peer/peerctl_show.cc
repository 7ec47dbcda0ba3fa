#include "peer/peerctl_show.h"

#include "common/command_line.h"
#include "common/json.h"
#include "common/printable.h"
#include "common/torrent_signature.h"
#include "common/units.h"
#include "peer/peerctl_io.h"

namespace piecework::peer::peerctl {
namespace {

std::string_view form_name(HashForm form) {
  switch (form) {
    case HashForm::kSha256: return "sha256";
    case HashForm::kSha1: return "sha1";
    case HashForm::kOriginal: break;
  }
  return "original";
}

std::string exact_size(std::uint64_t bytes) {
  const std::string exact = format_count(bytes, "byte");
  return bytes < 1024 ? exact : format_size(bytes) + " (" + exact + ")";
}

// As `ls -F` marks what may be run.
std::string list_files(const std::vector<TreeFile>& files) {
  std::string out;
  for (const TreeFile& file : files) {
    std::string length = std::to_string(file.length);
    length.insert(0, length.size() < 12 ? 12 - length.size() : 0, ' ');
    out += length + "  " + printable(file.path) + (file.executable ? "*" : "") + "\n";
  }
  return out;
}

Json files_json(const std::vector<TreeFile>& files) {
  Json::Array list;
  for (const TreeFile& file : files) {
    Json json;
    json.add("path", file.path).add("length", file.length).add("executable", file.executable);
    list.push_back(std::move(json));
  }
  return list;
}

std::string describe(const Torrent& torrent) {
  std::string out;
  const auto row = [&](std::string_view label, std::string_view value) {
    std::string cell(label);
    cell.resize(14, ' ');
    out += cell + std::string(value) + "\n";
  };
  const PieceLayout& layout = torrent.layout;
  row("name", printable(torrent.file_name) + (torrent.is_tree() ? "/" : ""));
  if (torrent.is_tree()) row("files", std::to_string(torrent.files.size()));
  row("size", exact_size(layout.file_length()));
  row("pieces", std::to_string(layout.count()));
  row("piece length", exact_size(layout.piece_length()));
  row("hash form", form_name(torrent.form));
  row("info hash", torrent.info_hash.to_hex());
  for (const HostPort& tracker : torrent.trackers) row("tracker", printable(tracker.to_string()));
  if (!torrent.comment.empty()) row("comment", printable(torrent.comment));
  if (torrent.signature) {
    row("signed by", torrent.signature->key.to_hex());
    row("signature", signature_problem(torrent).empty() ? "right" : "WRONG");
  }
  return out + list_files(torrent.files);
}

std::string describe_json(const Torrent& torrent) {
  Json::Array trackers;
  for (const HostPort& tracker : torrent.trackers) {
    Json json;
    json.add("announce", tracker.host).add("port", std::uint64_t{tracker.port});
    trackers.push_back(std::move(json));
  }
  Json json;
  json.add("file_name", torrent.file_name).add("file_length", torrent.layout.file_length());
  json.add("pieces", std::uint64_t{torrent.layout.count()});
  json.add("piece_length", std::uint64_t{torrent.layout.piece_length()});
  json.add("form", form_name(torrent.form)).add("info_hash", torrent.info_hash.to_hex());
  json.add("trackers", std::move(trackers)).add("comment", torrent.comment);
  if (torrent.signature) {
    Json signature;
    signature.add("key", torrent.signature->key.to_hex());
    signature.add("right", signature_problem(torrent).empty());
    json.add("signature", std::move(signature));
  }
  if (torrent.is_tree()) json.add("files", files_json(torrent.files));
  return json.dump_pretty() + "\n";
}

}  // namespace

CommandSpec show_spec() {
  return {.name = "peerctl show",
          .usage = "TORRENT [--json]",
          .about =
              "Prints what a torrent says. Of a directory, every file is listed with its size in\n"
              "bytes, and with a * when it may be run.\n"
              "Exits 65 after that when TORRENT has a signature that does not match.",
          .positionals = {"TORRENT"},
          .required_positionals = 1,
          .options = {{.name = "--json", .help = "print one JSON object for programs"}}};
}

int run_show(const CommandLine& line) {
  const std::string& path = line.positionals().front();
  const Torrent torrent = load_torrent(path);
  print_out(line.has("--json") ? describe_json(torrent) : describe(torrent));
  if (const std::string problem = signature_problem(torrent); !problem.empty()) {
    throw CommandError(kExitData, path + ": " + problem);
  }
  return kExitOk;
}

}  // namespace piecework::peer::peerctl
