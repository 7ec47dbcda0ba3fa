// One torrent from start to complete, and as long as it is seeded: checks what is on disk,
// announces, dials, saves its state, and recovers from a disk that refuses. Owns a thread of its
// own (the announcer), from start() to join(); connection threads bring it peers. The public
// functions are safe from any thread, except start() and join(), which are the owner's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "common/connection_threads.h"
#include "common/fields.h"
#include "common/mutex.h"
#include "common/rate_meter.h"
#include "common/tls_credentials.h"
#include "common/torrent.h"
#include "peer/announce_pace.h"
#include "peer/announcer.h"
#include "peer/ban_list.h"
#include "peer/bandwidth.h"
#include "peer/check_slots.h"
#include "peer/completion_program.h"
#include "peer/dialler.h"
#include "peer/download_dir.h"
#include "peer/download_status.h"
#include "peer/piece_store.h"
#include "peer/request_files.h"
#include "peer/resume_state.h"
#include "peer/seed_limits.h"
#include "peer/seed_tally.h"
#include "peer/space_plan.h"
#include "peer/swarm.h"
#include "peer/torrent_bandwidth.h"

namespace piecework::peer {

class Download : public std::enable_shared_from_this<Download> {
 public:
  // What all downloads of one daemon share; outlives them.
  struct Environment {
    const DownloadDir& directory;
    std::string state_dir;  // empty: nothing is remembered between runs
    std::uint64_t min_free_bytes = 0;
    int socket_buffer_bytes = 0;  // 0: the kernel's choice
    std::optional<IpAddress> announce_address;
    Identity identity;
    ConnectionThreads& connections;
    BanList bans;
    Bandwidth bandwidth;
    CheckSlots check_slots;
    AnnouncePace announce_pace;
    std::atomic<SeedLimits> seed_limits;  // a change wants a poke() of each
    CompletionProgram& on_complete;
    std::function<void()> look_at_space;  // called without a lock held
    unsigned hash_threads = 1;
    TlsCredentials tls;
  };

  Download(Torrent torrent, Environment& environment, TorrentBandwidth::Rates rates = {});
  ~Download();

  void start();
  // Peers are told, the tracker is told, the state is saved; join() waits for that.
  void begin_stop() EXCLUDES(mutex_);
  void join();

  // A request file of its may have come or gone (request_files.h).
  void look_at_requests() EXCLUDES(mutex_);

  // What its thread waits for may have changed.
  void poke() EXCLUDES(mutex_);

  const Torrent& torrent() const { return torrent_; }

  // The limits of this torrent, from now on and in one thread at a time.
  void set_rates(TorrentBandwidth::Rates rates) EXCLUDES(mutex_);

  // Environment::connections admits others than before: who is denied is told to close, and who is
  // no longer is dialled.
  void access_changed() EXCLUDES(mutex_);

  // Talks with a peer that dialled us, in its thread, until that is over. False, with nothing said,
  // as long as it is not known what is held, when it has been seeded enough, or is paused.
  bool accept(ConnectionThreads::Connection& connection, FirstFrame first) EXCLUDES(mutex_);

  // What it is while its file may be removed to make space; nothing otherwise, as long as the file
  // is not one that this daemon has fetched.
  std::optional<RemovableDownload> removable() const EXCLUDES(mutex_);
  // Removes the file soon, if nobody has touched it. The torrent stays, and is not fetched again
  // until fetch_again(), which changes nothing for one that is not removed.
  void remove_for_space() EXCLUDES(mutex_);
  void fetch_again() EXCLUDES(mutex_);
  // After join(): a file that was removed is no longer remembered as such.
  void forget_removal() EXCLUDES(mutex_);

  // Once a second while something may move: feeds the rates, and dials whom it is time for while a
  // tracker keeps its thread waiting.
  void tick(TimePoint now) EXCLUDES(mutex_);
  DownloadStatus status() const EXCLUDES(mutex_);

 private:
  // From start to stop: download.cc.
  void run();
  void check();
  void make_swarm(const PieceStore::Opened& opened, const Bitfield& held) EXCLUDES(mutex_);
  void tell_damage(const Bitfield& held, std::uint32_t wrong_files, const std::string& hindrance)
      EXCLUDES(mutex_);
  Bitfield verify(const PieceStore::Opened& opened);
  void take_part();
  void announce();
  bool is_to_be_finished() const;
  void complete();
  void withdraw();
  void depart();
  void leave();
  bool empty_swarm();  // true: nobody uses the file any more
  void forget_lost_file() EXCLUDES(mutex_);
  void start_over() EXCLUDES(mutex_);
  void save_state(bool clean);
  void save_progress();
  void save_tally();
  void log_not_saved(const std::system_error& error) const;
  void on_storage_failed(const std::string& reason) EXCLUDES(mutex_);
  void throw_storage_problem() EXCLUDES(mutex_);
  void wait_for_event() EXCLUDES(mutex_);
  void wait_to_retry() EXCLUDES(mutex_);
  void wait_for_poke() EXCLUDES(mutex_);
  void poke_locked() REQUIRES(mutex_);
  void set_state(DownloadState state, const std::string& problem) EXCLUDES(mutex_);
  std::string why_slow(const Swarm& swarm) const EXCLUDES(mutex_);
  void log_rates() const;
  Announcer::Counters counters() const;
  Fields log_fields() const;
  std::shared_ptr<Swarm> swarm() const EXCLUDES(mutex_);

  // Once it is complete: download_seeding.cc.
  bool is_whole() const;
  std::optional<std::string_view> seeded_enough() EXCLUDES(mutex_);
  bool has_left() EXCLUDES(mutex_);
  void rest(std::string_view limit) EXCLUDES(mutex_);
  bool remove_file() EXCLUDES(mutex_);
  bool is_to_be_removed() const EXCLUDES(mutex_);
  void set_not_removable() EXCLUDES(mutex_);
  void log_kept(const std::string& reason) EXCLUDES(mutex_);
  void wait_while_removed() EXCLUDES(mutex_);

  // What request files ask for: download_requests.cc.
  bool is_requested(Request request) const;
  bool is_paused() const EXCLUDES(mutex_);
  void clear_interrupt() EXCLUDES(mutex_);
  bool must_let_go() EXCLUDES(mutex_);
  void answer_requests() EXCLUDES(mutex_);
  void hold() EXCLUDES(mutex_);
  void begin_recheck(std::optional<ResumeState>& saved);
  void repair(PieceStore::Opened& opened, const Bitfield& held, std::string& hindrance);
  void remember_recheck();

  const Torrent torrent_;
  Environment& environment_;
  PieceStore store_;
  TorrentBandwidth bandwidth_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> fetch_again_ = false;
  // Something is asked of its thread, which lets go of what it does and looks what that is.
  std::atomic<bool> interrupted_ = false;
  std::atomic<std::uint64_t> checked_bytes_ = 0;
  std::thread thread_;

  // The announcer's thread only.
  Announcer announcer_;
  SeedTally tally_;
  TimePoint next_limit_ = kNoDeadline;  // on seeding
  TimePoint next_save_ = kNoDeadline;
  std::uint32_t saved_pieces_ = 0;
  TimePoint started_ = Clock::now();
  TimePoint next_tending_ = kNoDeadline;  // of the swarm
  bool rechecking_ = false;               // by request, which has not been carried out yet

  Dialler dialler_;

  mutable Mutex mutex_;
  CondVar event_;
  bool poked_ GUARDED_BY(mutex_) = false;
  bool paused_ GUARDED_BY(mutex_) = false;  // is to be
  DownloadState state_ GUARDED_BY(mutex_) = DownloadState::kChecking;
  std::string problem_ GUARDED_BY(mutex_);          // with kError, or what a seeder should know
  std::string damage_ GUARDED_BY(mutex_);           // what is wrong with a file that is served
  std::string storage_problem_ GUARDED_BY(mutex_);  // reported by a connection, not yet acted upon
  std::string tracker_problem_ GUARDED_BY(mutex_);
  bool announcing_ GUARDED_BY(mutex_) = false;                 // its thread waits for a tracker
  std::uint64_t upload_goal_ GUARDED_BY(mutex_) = UINT64_MAX;  // of swarm_; then its thread looks
  std::optional<RemovableDownload> removable_ GUARDED_BY(mutex_);
  RateMeter down_ GUARDED_BY(mutex_);
  RateMeter up_ GUARDED_BY(mutex_);
  std::shared_ptr<Swarm> swarm_ GUARDED_BY(mutex_);       // once checked
  std::shared_ptr<Swarm> lost_swarm_ GUARDED_BY(mutex_);  // of a file that was lost, until the next
};

}  // namespace piecework::peer
