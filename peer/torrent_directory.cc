#include "peer/torrent_directory.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "common/atomic_file.h"
#include "common/daemon_files.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/threads.h"
#include "common/torrent_signature.h"

namespace piecework::peer {
namespace {

constexpr std::string_view kSuffix = ".torrent";
constexpr std::string_view kNoteSuffix = ".invalid";
constexpr mode_t kNoteMode = 0644;
constexpr seconds kSettled{2};  // a file untouched for so long is taken to be written to its end

bool is_torrent_name(std::string_view name) {
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) && name.front() != '.';
}

bool is_settled(const FileMark& mark) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto age = now - std::chrono::nanoseconds(mark.mtime_ns);
  return age >= kSettled || age < -kSettled;  // a time in the future says nothing
}

// Something else than a file lies there: no reading of it will ever go well.
bool is_no_file(const std::error_code& error) {
  return error == std::errc::is_a_directory || error == std::errc::invalid_argument ||
         error == std::errc::no_such_device_or_address;
}

}  // namespace

TorrentDirectory::Running TorrentDirectory::running_of(const Torrent& torrent) {
  return {torrent.info_hash, torrent.form, torrent.trackers};
}

TorrentDirectory::TorrentDirectory(const std::string& path, milliseconds rescan_interval,
                                   PeerServer& server, std::vector<VerifyKey> trusted)
    : path_(path),
      rescan_interval_(rescan_interval),
      server_(server),
      watch_(path),
      trusted_(trusted),
      to_be_trusted_(std::move(trusted)) {
  make_directories(path_);
}

TorrentDirectory::~TorrentDirectory() {
  stop();
}

void TorrentDirectory::start() {
  thread_ = start_thread("watcher", [this] { run(); });
}

void TorrentDirectory::begin_stop() {
  stopping_ = true;
  stop_.signal();
}

void TorrentDirectory::stop() {
  begin_stop();
  if (thread_.joinable()) thread_.join();
}

void TorrentDirectory::trust(std::vector<VerifyKey> keys) {
  {
    MutexLock lock(mutex_);
    to_be_trusted_ = std::move(keys);
  }
  question_.signal();
}

void TorrentDirectory::ask() noexcept {
  heartbeat_.ask();
  question_.signal();
}

void TorrentDirectory::run() {
  const milliseconds soon = std::min<milliseconds>(kSettled, rescan_interval_);
  bool first = true;
  Deadline next_scan = Clock::now();
  while (wait_until(next_scan)) {
    try {
      follow_trust();
      if (!read_events()) next_scan = Clock::now();
      if (Clock::now() < next_scan) continue;
      watch_.renew();
      const bool unsettled = rescan(std::exchange(first, false));
      next_scan = Clock::now() + (unsettled ? soon : rescan_interval_);
    } catch (const std::exception& error) {  // out of memory: some events may be lost
      log_warn("watch.failed", {{"path", path_}, {"reason", error.what()}});
      next_scan = Clock::now() + soon;
    }
  }
}

bool TorrentDirectory::wait_until(Deadline next_scan) {
  pollfd waiting[] = {
      {stop_.fd(), POLLIN, 0}, {question_.fd(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
  ::poll(waiting, std::size(waiting), poll_timeout(next_scan));  // EINTR: too early does no harm
  if (question_.clear()) heartbeat_.beat();
  return !stopping_;
}

bool TorrentDirectory::read_events() {
  bool complete = true;
  while (!stopping_) {
    const auto events = watch_.read();
    if (!events) break;
    complete = complete && events->complete;
    handle_events(events->gone_by_name);
  }
  return complete;
}

void TorrentDirectory::handle_events(const std::map<std::string, bool>& gone_by_name) {
  std::map<std::string, FileMark> present;
  std::vector<std::string> gone;
  for (const auto& [name, departed] : gone_by_name) {
    if (!is_torrent_name(name)) continue;
    if (const auto mark = mark_of(name)) {
      present.emplace(name, *mark);
    } else if (departed) {
      gone.push_back(name);
    }
  }
  forget(gone);
  for (const auto& [name, mark] : present) {
    if (stopping_) return;
    judge(name, mark);
  }
  retry_refused();
}

std::optional<TorrentDirectory::Listing> TorrentDirectory::list() const {
  Listing listing;
  std::vector<std::string> notes;
  std::error_code error;
  std::filesystem::directory_iterator entries(path_, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (is_torrent_name(name)) listing.torrents.insert(name);
    if (name.ends_with(kNoteSuffix)) notes.push_back(name);
  }
  if (error) {  // what has not been read is not gone
    log_warn("watch.failed", {{"path", path_}, {"reason", error.message()}});
    return std::nullopt;
  }
  for (const std::string& note : notes) {
    const std::string name = note.substr(0, note.size() - kNoteSuffix.size());
    if (is_torrent_name(name) && !listing.torrents.contains(name)) {
      listing.orphaned_notes.push_back(name);
    }
  }
  return listing;
}

bool TorrentDirectory::rescan(bool first) {
  const auto listing = list();
  if (!listing) return false;
  if (first) {  // those of torrents that went while nobody watched
    for (const std::string& name : listing->orphaned_notes) remove_note(name);
  }
  std::vector<std::string> gone;
  for (const auto& [name, known] : known_) {
    if (!listing->torrents.contains(name)) gone.push_back(name);
  }
  forget(gone);
  bool unsettled = false;
  for (const std::string& name : listing->torrents) {
    if (stopping_) return false;
    const auto mark = mark_of(name);
    if (!mark) {  // a link that leads nowhere, or nothing here may be looked at
      set_aside(name, "torrent.unreadable", std::generic_category().message(errno));
      continue;
    }
    const auto known = known_.find(name);
    if (known != known_.end() && known->second.mark == *mark) continue;
    if (first || is_settled(*mark)) {
      judge(name, *mark);
    } else {
      unsettled = true;
    }
  }
  retry_refused();
  return unsettled;
}

void TorrentDirectory::judge(const std::string& name, const FileMark& mark) {
  heartbeat_.beat();  // many of them may take a while
  Torrent torrent;
  try {
    torrent = read_torrent(path_of(name));
  } catch (const TorrentError& error) {
    forget({name});
    return refuse(name, error.what(), mark, Refusal::kBad);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return;
    if (!is_no_file(error.code())) return set_aside(name, "torrent.unreadable", error.what());
    forget({name});
    return refuse(name, error.what(), mark, Refusal::kBad);
  } catch (const std::exception& error) {  // out of memory
    return set_aside(name, "torrent.unreadable", error.what());
  }
  const std::string wrong = signature_problem(torrent);
  const std::string untrusted = trust_problem(signer_of(torrent), trusted_);
  if (!wrong.empty() || !untrusted.empty()) {
    forget({name});
    if (!wrong.empty()) return refuse(name, wrong, mark, Refusal::kBad);
    return refuse(name, untrusted, mark, Refusal::kUntrusted);
  }
  const auto known = known_.find(name);
  if (known != known_.end() && known->second.running == running_of(torrent)) {
    known->second.mark = mark;
    known->second.signer = signer_of(torrent);
    known->second.trouble.clear();
    server_.fetch_again(torrent.info_hash);  // it was dropped anew
    return;
  }
  forget({name});
  take(name, std::move(torrent), mark);
}

void TorrentDirectory::follow_trust() {
  {
    MutexLock lock(mutex_);
    if (trusted_ != to_be_trusted_) {
      trusted_ = to_be_trusted_;
      trust_changed_ = true;
    }
  }
  if (!trust_changed_) return;
  const std::vector<std::string> untrusted = refused_as(Refusal::kUntrusted);
  stop_untrusted();
  retry(untrusted);
  retry_refused();
  trust_changed_ = false;
}

// By the signatures that were found right when these were taken: whether their files can be read
// just now does not matter.
void TorrentDirectory::stop_untrusted() {
  std::map<std::string, std::pair<FileMark, std::string>> problems;
  std::vector<std::string> names;
  for (const auto& [name, known] : known_) {
    if (!known.running) continue;
    const std::string problem = trust_problem(known.signer, trusted_);
    if (problem.empty()) continue;
    problems.emplace(name, std::pair(known.mark, problem));
    names.push_back(name);
  }
  forget(names);
  for (const auto& [name, problem] : problems) {
    refuse(name, problem.second, problem.first, Refusal::kUntrusted);
  }
}

void TorrentDirectory::take(const std::string& name, Torrent torrent, const FileMark& mark) {
  Running running = running_of(torrent);
  const std::optional<VerifyKey> signer = signer_of(torrent);
  try {
    if (const auto problem = server_.add(std::move(torrent), name)) {
      return refuse(name, *problem, mark, Refusal::kInTheWay);
    }
  } catch (const std::exception& error) {  // no thread, no memory
    return set_aside(name, "torrent.not_started", error.what());
  }
  known_[name] = Known{mark, std::move(running), signer};
  remove_note(name);
}

void TorrentDirectory::refuse(const std::string& name, const std::string& reason,
                              const FileMark& mark, Refusal refusal) {
  known_[name] = Known{mark, std::nullopt, std::nullopt, refusal};
  log_error("torrent.invalid", {{"file", name}, {"reason", reason}});
  write_note(name, reason);
}

// Left as it is until the next rescan, which judges it again: that mark is no file's.
void TorrentDirectory::set_aside(const std::string& name, std::string_view event,
                                 const std::string& reason) {
  Known& known = known_[name];
  known.mark = FileMark{};
  if (known.trouble == reason) return;
  known.trouble = reason;
  log_warn(event, {{"file", name}, {"reason", reason}});
  if (!known.running) write_note(name, reason + "; tried again at each rescan");
}

// All of them at the same time: each has to take leave of its peers and of the tracker.
void TorrentDirectory::forget(const std::vector<std::string>& names) {
  std::vector<InfoHash> leaving;
  for (const std::string& name : names) {
    const auto found = known_.find(name);
    if (found == known_.end()) continue;
    const std::optional<Running> running = std::move(found->second.running);
    known_.erase(found);
    remove_note(name);
    if (!running) continue;
    log_info("torrent.removed", {{"file", name}, {"hash", running->info_hash.to_short_hex()}});
    leaving.push_back(running->info_hash);
  }
  if (leaving.empty()) return;
  server_.remove(leaving);
  something_left_ = true;
}

void TorrentDirectory::write_note(const std::string& name, const std::string& reason) const {
  try {
    write_file_atomically(path_of(name) + std::string(kNoteSuffix), reason + "\n", kNoteMode,
                          Durability::kCached);
  } catch (const std::system_error& error) {
    log_warn("torrent.note_failed", {{"file", name}, {"reason", error.what()}});
  }
}

void TorrentDirectory::remove_note(const std::string& name) const {
  ::unlink((path_of(name) + std::string(kNoteSuffix)).c_str());  // most have none
}

void TorrentDirectory::retry_refused() {
  if (std::exchange(something_left_, false)) retry(refused_as(Refusal::kInTheWay));
}

std::vector<std::string> TorrentDirectory::refused_as(Refusal refusal) const {
  std::vector<std::string> names;
  for (const auto& [name, known] : known_) {
    if (known.refusal == refusal) names.push_back(name);
  }
  return names;
}

void TorrentDirectory::retry(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (stopping_) return;
    const auto mark = mark_of(name);
    if (mark) judge(name, *mark);
  }
}

}  // namespace piecework::peer
