#include "common/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/unique_fd.h"

namespace piecework {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::optional<std::int64_t> environment_number(const char* name) {
  const std::string_view text = environment(name);
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void service_notify(std::string_view state) noexcept {
  const std::string_view path = environment("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  // An abstract socket is written with an @ and begins with a NUL (unix(7)).
  if (path.front() == '@') address.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return;
  ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size()));
}

void service_notify_reloading() noexcept {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      Clock::now().time_since_epoch());  // CLOCK_MONOTONIC, as sd_notify(3) asks
  service_notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

std::optional<milliseconds> service_watchdog_interval() {
  const auto pid = environment_number("WATCHDOG_PID");
  if (pid && *pid != ::getpid()) return std::nullopt;
  const auto microseconds = environment_number("WATCHDOG_USEC");
  if (!microseconds || *microseconds <= 0) return std::nullopt;
  return milliseconds(std::max<std::int64_t>(*microseconds / 2000, 1));
}

}  // namespace piecework
