#include "peer/peerctl_verify.h"

#include <system_error>

#include "common/bitfield.h"
#include "common/command_line.h"
#include "common/printable.h"
#include "common/units.h"
#include "peer/hash_file.h"
#include "peer/peerctl_io.h"
#include "peer/progress.h"

namespace piecework::peer::peerctl {
namespace {

const CommandSpec& spec() {
  static const CommandSpec value{
      .name = "peerctl verify",
      .usage = "TORRENT [FILE]",
      .about =
          "Compares FILE with TORRENT, piece by piece, and says which pieces are bad.\n"
          "FILE is the file that TORRENT names, beside it, unless given.\n"
          "Exits 0 when FILE is just what TORRENT says, else 65.",
      .positionals = {"TORRENT", "FILE"},
      .required_positionals = 1,
      .options = {}};
  return value;
}

Bitfield check_pieces(const std::string& path, const DataFile& data, const Torrent& torrent) {
  Progress progress(path, torrent.layout.file_length());
  HashOptions options;
  options.on_progress = [&](std::uint64_t bytes) { progress.add(bytes); };
  try {
    // Nobody cancels this run, so that there always is a result.
    return verify_pieces(reader_of(data.fd.get()), torrent, options).value();
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

}  // namespace

int run_verify(std::span<const std::string> arguments) {
  const CommandLine line = CommandLine::parse(spec(), arguments);
  if (line.help()) {
    print_out(help_text(spec()));
    return kExitOk;
  }
  const std::vector<std::string>& words = line.positionals();
  const Torrent torrent = load_torrent(words.front());
  const std::string path = words.size() > 1
                               ? words[1]
                               : std::string(directory_prefix(words.front())) + torrent.file_name;
  const DataFile data = open_data_file(path);
  const Bitfield held = check_pieces(path, data, torrent);
  const std::string name = printable(path);
  print_out(name + ": " + std::to_string(held.held()) + " of " + std::to_string(held.size()) +
            " pieces are good\n" + list_bad(torrent.layout, held) +
            compare_sizes(name, data.size(), torrent.layout.file_length()));
  const bool same = held.complete() && data.size() == torrent.layout.file_length();
  return same ? kExitOk : kExitData;
}

}  // namespace piecework::peer::peerctl
