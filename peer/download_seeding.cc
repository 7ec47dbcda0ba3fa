// What becomes of a torrent that is complete: it is served until that is enough, and its file may
// be removed when space is wanted.
#include "common/log.h"
#include "common/units.h"
#include "peer/download.h"

namespace piecework::peer {

bool Download::is_whole() const {
  return !store_.is_part() && swarm()->left().all_held();
}

// The limit on seeding that has been reached.
std::optional<std::string_view> Download::seeded_enough() {
  const bool whole = is_whole();
  const std::uint64_t uploaded = swarm()->uploaded;
  tally_.count(uploaded, whole, Clock::now());
  next_limit_ = kNoDeadline;
  std::uint64_t goal = UINT64_MAX;
  std::optional<std::string_view> reached;
  if (whole) {
    const SeedLimits limits = environment_.seed_limits;
    const std::uint64_t length = torrent_.layout.file_length();
    reached = limits.reached(tally_.record(), length);
    next_limit_ = limits.time_over(tally_.record(), Clock::now());
    if (const auto left = limits.bytes_left(tally_.record(), length)) goal = uploaded + *left;
  }
  MutexLock lock(mutex_);
  upload_goal_ = reached ? UINT64_MAX : goal;
  if (!whole || !tally_.record().fetched) {
    removable_.reset();
  } else if (!removable_) {
    removable_ = {torrent_.info_hash, torrent_.layout.file_length(), tally_.record().completed_at};
  }
  return reached;
}

// True when it does not take part for now.
bool Download::has_left() {
  const auto limit = seeded_enough();
  if (is_to_be_removed() && remove_file()) return true;
  if (!limit) return false;
  rest(*limit);
  return true;
}

// It has been seeded enough: nobody is served until the limits allow more.
void Download::rest(std::string_view limit) {
  const SeedRecord& record = tally_.record();
  const std::string reason = "seed." + std::string(limit) + " is reached";
  set_state(DownloadState::kFinished, reason);
  Fields fields = log_fields();
  fields.emplace_back("reason", reason);
  fields.emplace_back("uploaded", record.uploaded);
  fields.emplace_back("seconds", format_seconds(record.seeded));
  log_info("torrent.finished", fields);
  empty_swarm();
  save_tally();
  tally_.pause();
  leave();
  const std::uint64_t length = torrent_.layout.file_length();
  while ((!interrupted_ || !must_let_go()) && !is_to_be_removed() &&
         environment_.seed_limits.load().reached(record, length)) {
    wait_for_poke();
  }
  announcer_.announce_soon(environment_.announce_pace.next(Clock::now()));
}

// Its space is wanted. False: it goes on as it was, since the file is somebody else's now.
bool Download::remove_file() {
  fetch_again_ = false;  // what was asked for until now
  if (const std::string reason = store_.why_to_keep(); !reason.empty()) {
    log_kept(reason);
    return false;
  }
  if (!empty_swarm()) {  // somebody reads it still: it goes on, and may be asked again
    set_not_removable();
    return true;
  }
  leave();
  tally_.pause();
  tally_.set_removed(true);
  try {
    save_state(true);  // first, so that it is not fetched again whatever happens now
    store_.remove();
  } catch (const std::system_error& error) {
    tally_.set_removed(false);
    log_kept(error.what());
    announcer_.announce_soon(Clock::now());
    return true;
  }
  Fields fields = log_fields();
  fields.emplace_back("bytes", torrent_.layout.file_length());
  fields.emplace_back("path", store_.path());
  log_info("torrent.removed_for_space", fields);
  start_over();
  return true;
}

// Nor is it asked again.
void Download::log_kept(const std::string& reason) {
  tally_.disown();
  set_not_removable();
  Fields fields = log_fields();
  fields.emplace_back("reason", reason);
  log_warn("torrent.kept", fields);
  environment_.look_at_space();  // another has to go instead
}

void Download::wait_while_removed() {
  set_state(DownloadState::kRemoved,
            "removed to make space; drop the torrent again to have it fetched");
  while ((!interrupted_ || !must_let_go()) && !fetch_again_.exchange(false)) wait_for_poke();
}

std::optional<RemovableDownload> Download::removable() const {
  MutexLock lock(mutex_);
  return removable_;
}

void Download::remove_for_space() {
  MutexLock lock(mutex_);
  if (!removable_) return;
  removable_->leaving = true;
  poke_locked();
}

bool Download::is_to_be_removed() const {
  MutexLock lock(mutex_);
  return removable_ && removable_->leaving;
}

// What was asked for meanwhile is forgotten.
void Download::set_not_removable() {
  MutexLock lock(mutex_);
  removable_.reset();
}

void Download::fetch_again() {
  fetch_again_ = true;
  poke();
}

void Download::forget_removal() {
  const DownloadState state = status().state;
  if (state != DownloadState::kRemoved && state != DownloadState::kPaused) return;
  if (environment_.state_dir.empty()) return;
  const auto saved = load_resume_state(environment_.state_dir, torrent_);
  if (!saved || !saved->seeding.removed || store_.exists()) return;
  remove_resume_state(environment_.state_dir, torrent_.info_hash);
}

}  // namespace piecework::peer
