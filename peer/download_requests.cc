// What request files ask of a torrent, as far as it is not done elsewhere in the course of things:
// its thread is interrupted, lets go of what it does, and answers.
#include "common/log.h"
#include "peer/download.h"

namespace piecework::peer {

void Download::look_at_requests() {
  const bool pause = is_requested(Request::kPause);
  const bool recheck = is_requested(Request::kRecheck);
  bool pausing = false;
  {
    MutexLock lock(mutex_);
    pausing = pause && !paused_;
    if (pause == paused_ && (!recheck || paused_)) return;
    paused_ = pause;
    if (pausing || recheck) interrupted_ = true;
    poke_locked();
  }
  if (pausing) announcer_.cancel();
  if (pausing || recheck) environment_.check_slots.wake();
}

bool Download::is_requested(Request request) const {
  return !environment_.state_dir.empty() &&
         peer::is_requested(environment_.state_dir, torrent_.info_hash, request);
}

bool Download::is_paused() const {
  MutexLock lock(mutex_);
  return paused_;
}

// What is asked from now on interrupts anew.
void Download::clear_interrupt() {
  {
    MutexLock lock(mutex_);
    interrupted_ = false;
  }
  if (stopping_) interrupted_ = true;
}

// A request may be gone again, or have been carried out, by the time that it interrupts.
bool Download::must_let_go() {
  clear_interrupt();
  if (is_paused() || is_requested(Request::kRecheck)) interrupted_ = true;
  return interrupted_;
}

void Download::answer_requests() {
  clear_interrupt();
  announcer_.allow();
  if (is_paused()) return hold();
  if (!stopping_ && swarm() && is_requested(Request::kRecheck) && empty_swarm()) start_over();
}

// The file may be anything when it goes on, so that it is looked at then as at the start.
void Download::hold() {
  if (!swarm() && !environment_.state_dir.empty()) {
    const auto saved = load_resume_state(environment_.state_dir, torrent_);
    checked_bytes_ = saved ? saved->verified.held_bytes(torrent_.layout) : 0;
  }
  withdraw();
  tally_.pause();
  set_not_removable();
  set_state(DownloadState::kPaused, "");
  log_info("torrent.paused", log_fields());
  {
    MutexLock lock(mutex_);
    while (paused_ && !stopping_) event_.wait(mutex_);
  }
  clear_interrupt();
  if (stopping_) return;
  log_info("torrent.resumed", log_fields());
  announcer_.allow();
  announcer_.announce_soon(environment_.announce_pace.next(Clock::now()));
  if (swarm() && empty_swarm()) start_over();
}

// Asked to verify again, what was verified before counts no more, whatever happens meanwhile.
void Download::begin_recheck(std::optional<ResumeState>& saved) {
  if (!rechecking_ && !is_requested(Request::kRecheck)) return;
  if (saved) {
    saved->verified = Bitfield(torrent_.layout.count());
    saved->clean = false;
    save_resume_state(environment_.state_dir, torrent_, *saved);
  }
  if (take_request(environment_.state_dir, torrent_.info_hash, Request::kRecheck)) {
    log_info("torrent.recheck", log_fields());
  }
  rechecking_ = true;
}

// Whoever put something under its final name there may have meant it: it is taken back, so that
// what does not match is fetched again, only when that was asked for.
void Download::repair(PieceStore::Opened& opened, const Bitfield& held, std::string& hindrance) {
  const bool whole = held.complete() && opened.wrong_files == 0;
  if (!rechecking_ || !opened.final_name || whole) return;
  try {
    store_.take_back(held);
    opened.final_name = false;
  } catch (const StorageError& error) {
    hindrance = error.what();
  }
}

// Stopped before it was carried out.
void Download::remember_recheck() {
  if (!rechecking_) return;
  try {
    place_request(environment_.state_dir, torrent_.info_hash, Request::kRecheck);
  } catch (const std::system_error& error) {
    log_not_saved(error);
  }
}

}  // namespace piecework::peer
