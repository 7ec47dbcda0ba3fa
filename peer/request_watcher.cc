#include "peer/request_watcher.h"

#include <poll.h>

#include <exception>
#include <iterator>

#include "common/log.h"
#include "common/threads.h"
#include "peer/request_files.h"

namespace piecework::peer {

RequestWatcher::RequestWatcher(const std::string& state_dir, milliseconds rescan_interval,
                               PeerServer& server)
    : state_dir_(state_dir),
      rescan_interval_(rescan_interval),
      server_(server),
      watch_(state_dir) {}

RequestWatcher::~RequestWatcher() {
  stop();
}

void RequestWatcher::start() {
  if (state_dir_.empty()) return;
  thread_ = start_thread("requests", [this] { run(); });
}

void RequestWatcher::stop() {
  stopping_ = true;
  stop_.signal();
  if (thread_.joinable()) thread_.join();
}

void RequestWatcher::run() {
  Deadline next_scan = Clock::now();
  while (!stopping_) {
    try {
      if (!read_events()) next_scan = Clock::now();
      if (Clock::now() >= next_scan) {
        next_scan = Clock::now() + rescan_interval_;
        watch_.renew();
        server_.look_at_all_requests();
      }
    } catch (const std::exception& error) {  // out of memory: the next rescan makes up for it
      log_warn("watch.failed", {{"path", state_dir_}, {"reason", error.what()}});
    }
    pollfd waiting[] = {{stop_.fd(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
    ::poll(waiting, std::size(waiting), poll_timeout(next_scan));  // EINTR: too early, no harm
  }
}

bool RequestWatcher::read_events() {
  bool complete = true;
  while (!stopping_) {
    const auto events = watch_.read();
    if (!events) break;
    complete = complete && events->complete;
    for (const auto& [name, gone] : events->gone_by_name) {
      if (const auto info_hash = requested_torrent(name)) server_.look_at_requests(*info_hash);
    }
  }
  return complete;
}

}  // namespace piecework::peer
