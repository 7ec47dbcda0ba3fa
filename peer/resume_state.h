// What is remembered of a torrent's files between two runs: which pieces are verified and on disk,
// and how to tell that the files are still those meant. Losing it costs time, never correctness.
// Plain data and stateless functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/atomic_file.h"
#include "common/bitfield.h"
#include "common/torrent.h"
#include "peer/file_mark.h"
#include "peer/seed_tally.h"

namespace piecework::peer {

struct ResumeState {
  std::vector<FileMark> files;  // one for each, in their order; an empty mark matches none
  bool complete = false;        // what is downloaded bears its final name
  bool clean = false;           // nothing has been written since this was saved
  Bitfield verified;            // their data was synced before this was saved
  SeedRecord seeding;           // a state saved without it has one of zeros
};

// What a state file says of `torrent`. Throws JsonError when it is none, another torrent's, or does
// not say which of its pieces are verified.
ResumeState parse_resume_state(std::string_view text, const Torrent& torrent);
// The text of the file; parse_resume_state() of it gives the same state again.
std::string format_resume_state(const Torrent& torrent, const ResumeState& state);

// HASH.json in `state_dir`: at most 1 MiB, and for a directory 48 bytes a file. Nothing when there
// is none, or when it cannot be read or believed, which is logged (`state.ignored`).
std::optional<ResumeState> load_resume_state(const std::string& state_dir, const Torrent& torrent);

// Replaces the file atomically, and durably unless told otherwise. Throws std::system_error.
void save_resume_state(const std::string& state_dir, const Torrent& torrent,
                       const ResumeState& state, Durability durability = Durability::kSynced);

// There may be none.
void remove_resume_state(const std::string& state_dir, const InfoHash& info_hash);

std::string resume_state_path(const std::string& state_dir, const InfoHash& info_hash);

}  // namespace piecework::peer
