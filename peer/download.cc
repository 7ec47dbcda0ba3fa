#include "peer/download.h"

#include <algorithm>
#include <random>
#include <span>

#include "common/log.h"
#include "common/threads.h"
#include "common/units.h"
#include "peer/hash_file.h"
#include "peer/peer_connection.h"

namespace piecework::peer {
namespace {

constexpr seconds kSaveEvery{5};
constexpr seconds kSaveTallyEvery{300};
constexpr seconds kRetryStorageEvery{5};
constexpr seconds kPartingTime{1};
constexpr seconds kLeaveTime{2};

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

Download::Download(Torrent torrent, Environment& environment, TorrentBandwidth::Rates rates)
    : torrent_(std::move(torrent)),
      environment_(environment),
      store_(environment.directory, torrent_, environment.min_free_bytes),
      bandwidth_(environment.bandwidth, rates),
      announcer_(torrent_, environment.identity, environment.announce_address, random_seed(),
                 environment.tls),
      dialler_(torrent_,
               {environment.connections, environment.bans, environment.tls,
                environment.socket_buffer_bytes},
               {.keep = [this] { return shared_from_this(); },
                .swarm = [this] { return swarm(); },
                .changed = [this] { poke(); }},
               random_seed()) {}

Download::~Download() = default;

void Download::start() {
  thread_ = start_thread("torrent", [this] { run(); });
}

void Download::begin_stop() {
  stopping_ = true;
  interrupted_ = true;
  environment_.check_slots.wake();
  announcer_.cancel();
  poke();
}

void Download::join() {
  if (thread_.joinable()) thread_.join();
}

// ---- The life of a torrent ----

void Download::run() {
  log_info("torrent.added", log_fields());
  announcer_.announce_soon(environment_.announce_pace.next(Clock::now()));
  if (bandwidth_.rates() != TorrentBandwidth::Rates{}) log_rates();
  look_at_requests();
  while (!stopping_) {
    try {
      answer_requests();
      if (!interrupted_ && !swarm()) check();
      if (!interrupted_) take_part();
    } catch (const std::exception& error) {
      Fields fields = log_fields();
      fields.emplace_back("reason", error.what());
      log_error("torrent.error", fields);
      checked_bytes_ = 0;
      set_state(DownloadState::kError, error.what());
      const bool unused = empty_swarm();
      tally_.pause();
      set_not_removable();
      wait_to_retry();
      if (unused) forget_lost_file();
    }
  }
  depart();
}

void Download::check() {
  std::optional<ResumeState> saved;
  if (!environment_.state_dir.empty()) saved = load_resume_state(environment_.state_dir, torrent_);
  checked_bytes_ = 0;
  if (saved && saved->seeding.removed && !store_.exists()) wait_while_removed();
  if (interrupted_) return;
  set_state(DownloadState::kChecking, "");
  begin_recheck(saved);
  PieceStore::Opened opened = store_.open(saved);
  if (rechecking_) store_.read_from_disk();
  tally_.open(opened.origin, saved ? saved->seeding : SeedRecord{});
  const Bitfield held = verify(opened);
  if (interrupted_) return;

  std::string hindrance;
  repair(opened, held, hindrance);
  const bool rechecked = std::exchange(rechecking_, false);
  make_swarm(opened, held);
  saved_pieces_ = held.held();
  if (opened.final_name && (!held.complete() || opened.wrong_files > 0)) {
    tell_damage(held, opened.wrong_files, hindrance);
  } else if (opened.final_name && opened.in_doubt.held() > 0) {
    save_state(true);
  } else if (!opened.final_name &&
             (rechecked ||
              (saved && (saved->clean || opened.trusted.held() < saved->verified.held())))) {
    // From now on the file may change, and what is no longer believed must not be found again.
    save_state(false);
  }
}

void Download::make_swarm(const PieceStore::Opened& opened, const Bitfield& held) {
  Swarm::Events events{
      .admits =
          [this](const IpAddress& address) { return environment_.connections.admits(address); },
      .all_held = [this] { poke(); },
      .storage_failed = [this](const std::string& reason) { on_storage_failed(reason); },
      .must_tend = [this] { poke(); }};
  MutexLock lock(mutex_);
  swarm_ = std::make_shared<Swarm>(torrent_, environment_.identity, store_, environment_.bans,
                                   bandwidth_, held, !opened.final_name, random_seed(),
                                   std::move(events));
  if (const auto lost = std::exchange(lost_swarm_, nullptr)) swarm_->count_on_from(*lost);
  damage_.clear();
}

void Download::tell_damage(const Bitfield& held, std::uint32_t wrong_files,
                           const std::string& hindrance) {
  Fields fields = log_fields();
  fields.emplace_back("bad_pieces", held.size() - held.held());
  if (wrong_files > 0) fields.emplace_back("wrong_files", wrong_files);
  fields.emplace_back("path", store_.path());
  if (!hindrance.empty()) fields.emplace_back("reason", hindrance);
  log_error("torrent.damaged", fields);
  MutexLock lock(mutex_);
  damage_ = std::to_string(held.size() - held.held()) + " of " + std::to_string(held.size()) +
            " pieces of " + store_.path() + " do not match and are not served";
  if (wrong_files > 0) {
    damage_ += ", " + format_count(wrong_files, "file") + " of it not there or of another length";
  }
  damage_ += "; ";
  damage_ += hindrance.empty() ? "peerctl recheck, or renaming it to NAME.part, fetches them again"
                               : "they cannot be fetched again: " + hindrance;
}

Bitfield Download::verify(const PieceStore::Opened& opened) {
  if (opened.in_doubt.held() == 0) return opened.trusted;
  const auto slot = environment_.check_slots.acquire(interrupted_);
  if (!slot) return opened.trusted;
  Fields fields = log_fields();
  fields.emplace_back("pieces", opened.in_doubt.held());
  log_info("torrent.checking", fields);
  const TimePoint from = Clock::now();
  const HashOptions options{
      .threads = environment_.hash_threads,
      .cancelled = &interrupted_,
      .on_progress = [this](std::uint64_t bytes) { checked_bytes_ += bytes; }};
  const ReadAt read = [this](std::uint64_t offset, std::span<std::byte> buffer) {
    return store_.read(offset, buffer);
  };
  std::optional<Bitfield> verified = verify_pieces(read, torrent_, opened.in_doubt, options);
  if (!verified) return opened.trusted;
  if (store_.changed_since_opened()) {
    throw std::runtime_error(store_.path() + " was changed while it was checked");
  }
  Bitfield held = std::move(*verified);
  fields.emplace_back("good", held.held());
  fields.emplace_back("seconds", format_seconds(Clock::now() - from));
  log_info("torrent.checked", fields);
  for (PieceIndex piece; piece.value() < held.size(); ++piece) {
    if (opened.trusted.has(piece)) held.set(piece);
  }
  return held;
}

void Download::take_part() {
  {
    MutexLock lock(mutex_);
    storage_problem_.clear();
  }
  started_ = Clock::now();
  tally_.start(started_);
  if (has_left()) return;
  swarm()->open();
  if (is_to_be_finished()) complete();
  const bool seeding = swarm()->left().all_held() || !swarm()->fetches();
  std::string known_problem;
  {
    MutexLock lock(mutex_);
    known_problem = damage_;
  }
  set_state(seeding ? DownloadState::kSeeding : DownloadState::kDownloading, known_problem);
  Fields fields = log_fields();
  fields.emplace_back("has", swarm()->left().held_count());
  fields.emplace_back("pieces", torrent_.layout.count());
  log_info(seeding ? "torrent.seeding" : "torrent.downloading", fields);
  next_save_ = Clock::now() + kSaveEvery;
  while (!interrupted_ || !must_let_go()) {
    throw_storage_problem();
    if (is_to_be_finished()) complete();
    if (has_left()) return;
    // Those who are known first: a tracker may take its time.
    dialler_.dial_due(*swarm());
    if (announcer_.next() <= Clock::now()) announce();
    if (next_save_ <= Clock::now()) save_progress();
    next_tending_ = swarm()->tend(Clock::now());
    if (!store_.reserve_more()) wait_for_event();
  }
}

bool Download::is_to_be_finished() const {
  return store_.is_part() && swarm()->left().all_held();
}

void Download::complete() {
  tally_.count(swarm()->uploaded, false, Clock::now());
  store_.finish();
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  tally_.complete(std::chrono::duration_cast<milliseconds>(since_1970));
  try {
    save_state(true);
  } catch (const std::system_error& error) {
    log_not_saved(error);  // the file is complete all the same, and is hashed at the next start
  }
  const std::uint64_t received = swarm()->downloaded;
  const auto elapsed = Clock::now() - started_;
  const double took = std::chrono::duration<double>(elapsed).count();
  Fields fields = log_fields();
  fields.emplace_back("bytes", torrent_.layout.file_length());
  fields.emplace_back("received", received);
  fields.emplace_back("seconds", format_seconds(elapsed));
  fields.emplace_back(
      "rate", static_cast<std::uint64_t>(took > 0 ? static_cast<double>(received) / took : 0));
  log_info("torrent.complete", fields);
  environment_.look_at_space();
  environment_.on_complete.completed(
      {torrent_.info_hash, torrent_.file_name, torrent_.layout.file_length()});
  set_state(DownloadState::kSeeding, "");
  announcer_.announce_soon(Clock::now());
}

void Download::depart() {
  withdraw();
  remember_recheck();
  log_info("torrent.stopped", log_fields());
}

// Takes part no more, for now or for ever.
void Download::withdraw() {
  empty_swarm();
  // First what is ours: a tracker that does not answer must not use up the time for it.
  try {
    if (swarm() && is_to_be_finished()) {
      complete();  // the last piece came while we took leave
    } else if (swarm() && store_.is_part()) {
      save_state(swarm()->size() == 0);
    } else if (swarm()) {
      save_tally();
    }
  } catch (const std::system_error& error) {
    log_not_saved(error);
  }
  leave();
}

void Download::leave() {
  announcer_.leave(counters(), Clock::now() + kLeaveTime);
}

bool Download::empty_swarm() {
  const auto peers = swarm();
  if (!peers) return true;
  peers->close_all();
  if (peers->wait_until_empty(Clock::now() + kPartingTime)) return true;
  for (const auto& connection : peers->connections()) connection->abort();
  return peers->wait_until_empty(Clock::now() + kPartingTime);
}

// A file that somebody has removed, replaced or changed, or that the disk did not take in, is
// checked like one that was just found.
void Download::forget_lost_file() {
  if (swarm() && (!store_.is_intact() || store_.may_have_lost_writes())) start_over();
}

// What it counts goes on; what it holds is to be found out again. Nobody uses the file.
void Download::start_over() {
  dialler_.start_over();
  MutexLock lock(mutex_);
  removable_.reset();
  lost_swarm_ = std::move(swarm_);
}

// ---- Tracker and peers ----

void Download::announce() {
  const bool alone = swarm()->fetches() && swarm()->size() == 0 && !swarm()->left().all_held();
  {
    MutexLock lock(mutex_);
    announcing_ = true;
  }
  const auto peers = announcer_.announce(counters(), alone);
  if (peers) dialler_.named_by_tracker(*peers);
  MutexLock lock(mutex_);
  announcing_ = false;
  tracker_problem_ = announcer_.problem();
}

bool Download::accept(ConnectionThreads::Connection& connection, FirstFrame first) {
  {
    MutexLock lock(mutex_);
    if (!swarm_ || paused_ || state_ == DownloadState::kFinished) return false;
  }
  dialler_.accept(connection, std::move(first));
  return true;
}

// ---- State on disk ----

void Download::save_state(bool clean) {
  if (environment_.state_dir.empty()) return;
  // First what is verified, then the sync: pieces that come between the two are saved next time.
  const Bitfield verified = swarm()->left().held();
  store_.sync();
  tally_.count(swarm()->uploaded, is_whole(), Clock::now());
  ResumeState state = store_.state(verified, clean);
  state.seeding = tally_.record();
  save_resume_state(environment_.state_dir, torrent_, state);
  tally_.mark_saved();
  saved_pieces_ = verified.held();
}

void Download::save_progress() {
  next_save_ = Clock::now() + kSaveEvery;
  // A complete file is not looked after: its owner may do with it what he likes.
  if (swarm()->left().all_held()) return save_tally();
  store_.require_intact();
  if (store_.is_part() && swarm()->left().held_count() != saved_pieces_) save_state(false);
}

// Of a complete file. If the machine dies just then, a file is hashed once more.
void Download::save_tally() {
  next_save_ = Clock::now() + kSaveTallyEvery;
  if (environment_.state_dir.empty() || !is_whole()) return;
  tally_.count(swarm()->uploaded, true, Clock::now());
  const bool time_matters = environment_.seed_limits.load().seconds != 0;
  if (!tally_.has_news() && !time_matters) return;
  ResumeState state = store_.state(swarm()->left().held(), true);
  state.seeding = tally_.record();
  try {
    save_resume_state(environment_.state_dir, torrent_, state, Durability::kCached);
    tally_.mark_saved();
  } catch (const std::system_error& error) {
    log_not_saved(error);
  }
}

void Download::on_storage_failed(const std::string& reason) {
  MutexLock lock(mutex_);
  if (storage_problem_.empty()) storage_problem_ = reason;
  poke_locked();
}

void Download::throw_storage_problem() {
  MutexLock lock(mutex_);
  if (!storage_problem_.empty()) throw std::runtime_error(storage_problem_);
}

void Download::log_not_saved(const std::system_error& error) const {
  Fields fields = log_fields();
  fields.emplace_back("reason", error.what());
  log_error("state.not_saved", fields);
}

// ---- Waiting ----

void Download::wait_for_event() {
  // Whoever makes something due earlier pokes.
  const Deadline deadline =
      std::min({announcer_.next(), dialler_.next_due(), next_tending_, next_save_, next_limit_});
  MutexLock lock(mutex_);
  while (!poked_ && event_.wait_until(mutex_, deadline)) {
  }
  poked_ = false;
}

void Download::wait_to_retry() {
  const Deadline deadline = Clock::now() + kRetryStorageEvery;
  MutexLock lock(mutex_);
  while (!interrupted_) {
    if (!event_.wait_until(mutex_, deadline)) return;
  }
}

void Download::wait_for_poke() {
  MutexLock lock(mutex_);
  while (!poked_) event_.wait(mutex_);
  poked_ = false;
}

void Download::poke() {
  MutexLock lock(mutex_);
  poke_locked();
}

void Download::poke_locked() {
  poked_ = true;
  event_.notify_one();
}

void Download::set_rates(TorrentBandwidth::Rates rates) {
  if (rates == bandwidth_.rates()) return;
  bandwidth_.set_rates(rates);
  log_rates();
  poke();  // the upload slots are looked at
}

void Download::access_changed() {
  const auto peers = swarm();
  if (peers) peers->close_denied();
  dialler_.readmit();
}

// ---- Telling ----

void Download::log_rates() const {
  const TorrentBandwidth::Rates rates = bandwidth_.rates();
  Fields fields = log_fields();
  fields.emplace_back("upload", rates.upload);
  fields.emplace_back("download", rates.download);
  log_info("torrent.limited", fields);
}

void Download::tick(TimePoint now) {
  std::shared_ptr<Swarm> kept_waiting;
  {
    MutexLock lock(mutex_);
    if (!swarm_) return;
    down_.sample(swarm_->downloaded, now);
    up_.sample(swarm_->uploaded, now);
    if (swarm_->uploaded >= upload_goal_) poke_locked();
    if (announcing_) kept_waiting = swarm_;
  }
  if (kept_waiting && !interrupted_) dialler_.dial_due(*kept_waiting);
}

DownloadStatus Download::status() const {
  DownloadStatus status;
  std::shared_ptr<Swarm> peers;
  std::shared_ptr<Swarm> lost;
  status.info_hash = torrent_.info_hash;
  status.name = torrent_.file_name;
  status.length = torrent_.layout.file_length();
  {
    MutexLock lock(mutex_);
    status.state = state_;
    status.reason = problem_;
    if (swarm_) {
      status.rate_down = down_.per_second();
      status.rate_up = up_.per_second();
    }
    peers = swarm_;
    lost = lost_swarm_;
  }
  // What was counted before a file was lost goes on while its successor is checked.
  if (const auto& counts = peers ? peers : lost) {
    status.received = counts->downloaded;
    status.wasted = counts->wasted;
    status.sent = counts->uploaded;
  }
  if (!peers) {
    status.bytes = checked_bytes_;
    return status;
  }
  status.bytes = peers->left().held_bytes(torrent_.layout);
  status.peers = peers->size();
  if (status.reason.empty() && status.state == DownloadState::kDownloading) {
    status.reason = why_slow(*peers);
  } else if (status.reason.empty() && status.state == DownloadState::kSeeding) {
    MutexLock lock(mutex_);
    status.reason = tracker_problem_;  // nobody finds it
  }
  return status;
}

std::string Download::why_slow(const Swarm& peers) const {
  std::string tracker_problem;
  {
    MutexLock lock(mutex_);
    tracker_problem = tracker_problem_;
  }
  std::size_t serving = 0;
  std::size_t choking = 0;
  const auto connections = peers.connections();
  for (const auto& connection : connections) {
    const Exchange::Standing standing = connection->status().standing;
    if (standing.serves_us) ++serving;
    if (standing.chokes_us) ++choking;
  }
  const std::uint32_t unavailable = peers.left().unavailable();
  if (connections.empty()) {
    if (!tracker_problem.empty()) return tracker_problem;
    return dialler_.known() == 0 ? "the tracker knows no other peer" : "connected to no peer";
  }
  if (unavailable > 0) {
    return "no connected peer has " + std::to_string(unavailable) + " of the missing pieces";
  }
  if (serving == 0 && choking > 0) return "choked by every peer";
  return tracker_problem;
}

void Download::set_state(DownloadState state, const std::string& problem) {
  MutexLock lock(mutex_);
  state_ = state;
  problem_ = problem;
}

Announcer::Counters Download::counters() const {
  const auto peers = swarm();
  if (!peers) return {.left = torrent_.layout.file_length()};
  const std::uint64_t held = peers->left().held_bytes(torrent_.layout);
  return {.left = torrent_.layout.file_length() - held,
          .downloaded = peers->downloaded,
          .uploaded = peers->uploaded};
}

Fields Download::log_fields() const {
  return {{"hash", torrent_.info_hash.to_short_hex()}, {"name", torrent_.file_name}};
}

std::shared_ptr<Swarm> Download::swarm() const {
  MutexLock lock(mutex_);
  return swarm_;
}

}  // namespace piecework::peer
