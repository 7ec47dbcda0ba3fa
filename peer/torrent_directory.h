// The watched directory: the files NAME.torrent in it are the list of torrents (inotify(7), and a
// rescan for file systems without it). A bad one is left where it is, with NAME.torrent.invalid
// beside it saying why. One that cannot be read or started for now stops nothing that runs, and is
// judged again at each rescan. One with a wrong signature is bad, and where keys are trusted, so is
// one that none of them has signed.
// Owns one thread, from start() to stop(), which both belong to the owner's thread.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/heartbeat.h"
#include "common/mutex.h"
#include "common/signing.h"
#include "common/torrent.h"
#include "common/wake_event.h"
#include "peer/directory_watch.h"
#include "peer/file_mark.h"
#include "peer/peer_server.h"

namespace piecework::peer {

class TorrentDirectory {
 public:
  // Makes the directory when it is missing. Throws std::system_error naming it.
  // `trusted` as for trust().
  TorrentDirectory(const std::string& path, milliseconds rescan_interval, PeerServer& server,
                   std::vector<VerifyKey> trusted = {});
  ~TorrentDirectory();

  void start();
  // Ends the watching; the torrents go on. begin_stop() does not wait for what is under way.
  void begin_stop();
  void stop();

  // From now on takes only what one of these has signed, or everything when these are none. The
  // watcher soon stops what it no longer takes, and starts what it now does. Safe from any thread.
  void trust(std::vector<VerifyKey> keys) EXCLUDES(mutex_);

  // Wakes the watcher; answered() tells whether it has come by since, or got on with the torrents
  // that it was judging. Both belong to one thread, and wait for nothing.
  void ask() noexcept;
  bool answered() const noexcept { return heartbeat_.answered(); }

 private:
  // What makes a torrent another one. Not its hashes: those of thousands of torrents are much.
  struct Running {
    InfoHash info_hash;
    HashForm form;
    std::vector<HostPort> trackers;
    bool operator==(const Running&) const = default;
  };
  enum class Refusal {
    kBad,
    kInTheWay,   // good in itself, but another one is in its way
    kUntrusted,  // likewise, but not signed with a trusted key
  };
  struct Known {
    FileMark mark;
    std::optional<Running> running;
    std::optional<VerifyKey> signer = {};  // rightly, of a running one
    std::optional<Refusal> refusal = {};
    std::string trouble = {};  // why it is to be judged again, as it was logged
  };
  struct Listing {
    std::set<std::string> torrents;
    std::vector<std::string> orphaned_notes;  // their torrents are not there
  };

  static Running running_of(const Torrent& torrent);
  void run();
  bool wait_until(Deadline next_scan);  // for events, too; false: to stop
  bool read_events();                   // false: something was missed, and only a rescan helps
  // What became of these names; true: it went.
  void handle_events(const std::map<std::string, bool>& gone_by_name);
  std::optional<Listing> list() const;
  // Judges what is new or changed, if it is old enough (or `first`), and forgets what is gone. True
  // when something is still too young.
  bool rescan(bool first);
  void judge(const std::string& name, const FileMark& mark);
  // Judges all of them again as far as other keys are trusted now.
  void follow_trust() EXCLUDES(mutex_);
  void stop_untrusted();
  void take(const std::string& name, Torrent torrent, const FileMark& mark);
  void refuse(const std::string& name, const std::string& reason, const FileMark& mark,
              Refusal refusal);
  void set_aside(const std::string& name, std::string_view event, const std::string& reason);
  void forget(const std::vector<std::string>& names);
  void write_note(const std::string& name, const std::string& reason) const;
  void remove_note(const std::string& name) const;
  // Judges again those that others were in the way of, if one of the running ones has left.
  void retry_refused();
  void retry(const std::vector<std::string>& names);
  std::vector<std::string> refused_as(Refusal refusal) const;
  // Nothing: errno says why.
  std::optional<FileMark> mark_of(const std::string& name) const {
    return FileMark::at(path_of(name));
  }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  const std::string path_;
  const milliseconds rescan_interval_;
  PeerServer& server_;
  std::atomic<bool> stopping_ = false;
  WakeEvent stop_;
  WakeEvent question_;
  Heartbeat heartbeat_;
  DirectoryWatch watch_;
  std::map<std::string, Known> known_;
  bool something_left_ = false;
  std::vector<VerifyKey> trusted_;  // by the watcher's judgement
  bool trust_changed_ = false;      // since all were judged
  Mutex mutex_;
  std::vector<VerifyKey> to_be_trusted_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace piecework::peer
