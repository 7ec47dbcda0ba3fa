// Watches the state_dir for the files by which peerd is asked to act (request_files.h), and tells
// the node which torrent to look at them for; every so often it looks for all of them, where the
// file system tells of no changes.
// Owns one thread, from start() to stop(), which both belong to the owner's thread.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "common/clock.h"
#include "common/wake_event.h"
#include "peer/directory_watch.h"
#include "peer/peer_server.h"

namespace piecework::peer {

class RequestWatcher {
 public:
  // `state_dir` is the node's. Empty: nobody can ask for anything. Throws std::system_error.
  RequestWatcher(const std::string& state_dir, milliseconds rescan_interval, PeerServer& server);
  ~RequestWatcher();

  // Throws std::system_error when there is no thread for it.
  void start();
  // Before the node is stopped: no torrent is told to do anything afterwards.
  void stop();

 private:
  void run();
  bool read_events();  // false: something was missed

  const std::string state_dir_;
  const milliseconds rescan_interval_;
  PeerServer& server_;
  std::atomic<bool> stopping_ = false;
  WakeEvent stop_;
  DirectoryWatch watch_;
  std::thread thread_;
};

}  // namespace piecework::peer
