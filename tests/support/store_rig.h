// A piece store over a sample torrent in a directory of its own, and what it found there as text.
// One thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "peer/piece_store.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/temp_dir.h"

namespace piecework::peer {

struct StoreRig {
  explicit StoreRig(SampleTorrent of) : sample(std::move(of)) {}

  PieceStore store() const { return PieceStore(directory, sample.torrent, 0); }
  // Those pieces, for example "1001".
  void write(PieceStore& store, std::string_view which) const;
  // As if somebody had just written to the file `name`.
  void touch(const std::string& name) const;

  TempDir temp;
  SampleTorrent sample;
  DownloadDir directory{temp.path(), {}};
};

// "trusted in_doubt", with " NAME" when that was found, and " wrong N" when files were wrong.
std::string opened(PieceStore& store, const std::optional<ResumeState>& state = std::nullopt);

// Why it cannot be opened; "none: " and opened() when it can.
std::string problem(PieceStore& store, const std::optional<ResumeState>& state = std::nullopt);

bool has(std::string_view text, std::string_view part);

}  // namespace piecework::peer
