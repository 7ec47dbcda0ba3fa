#include "peer/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/log.h"
#include "common/socket.h"

namespace piecework::peer {
namespace {

constexpr std::uint32_t kArrivals = IN_CLOSE_WRITE | IN_MOVED_TO;
constexpr std::uint32_t kDepartures = IN_MOVED_FROM | IN_DELETE;
constexpr std::uint32_t kSelfGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

}  // namespace

DirectoryWatch::DirectoryWatch(std::string path)
    : path_(std::move(path)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_.valid()) throw_errno("inotify_init1");
}

void DirectoryWatch::renew() {
  const int before = watch_;
  watch_ =
      ::inotify_add_watch(inotify_.get(), path_.c_str(),
                          kArrivals | kDepartures | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
  const int error = errno;
  if (before >= 0 && watch_ != before) ::inotify_rm_watch(inotify_.get(), before);
  if (watch_ < 0) {
    log_warn("watch.failed", {{"path", path_}, {"reason", std::generic_category().message(error)}});
  }
}

std::optional<DirectoryWatch::Events> DirectoryWatch::read() {
  alignas(inotify_event) char buffer[16 << 10];
  const ssize_t n = ::read(inotify_.get(), buffer, sizeof buffer);
  if (n <= 0) return std::nullopt;
  Events events;
  for (ssize_t at = 0; at < n;) {
    inotify_event event;
    std::memcpy(&event, buffer + at, sizeof event);
    const char* const name = buffer + at + sizeof event;
    at += static_cast<ssize_t>(sizeof event + event.len);
    if ((event.mask & IN_Q_OVERFLOW) != 0) events.complete = false;
    if (event.wd != watch_) continue;  // of a directory that was watched before
    if ((event.mask & kSelfGone) != 0) events.complete = false;
    if ((event.mask & IN_IGNORED) != 0) watch_ = -1;
    if (event.len > 0) events.gone_by_name[name] = (event.mask & kDepartures) != 0;
  }
  return events;
}

}  // namespace piecework::peer
