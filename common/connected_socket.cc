#include "common/connected_socket.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/errors.h"
#include "common/socket.h"

namespace piecework {
namespace {

// One sendfile(2) call moves at most this much.
constexpr std::uint64_t kMaxSendfileBytes = 1 << 20;

constexpr std::size_t kMostLowWater = 256 << 10;

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// Calls `call` again for as long as a signal interrupts it.
template <typename Call>
auto retry_eintr(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// What went wrong since it was last asked (SO_ERROR, socket(7)); 0 when nothing did.
int take_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

// Both ends of the stream are confirmed. Throws std::system_error when it was broken off instead.
bool is_closed(int socket) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) throw_errno("getsockopt");
  if (info.tcpi_state != TCP_CLOSE) return false;
  const int error = take_error(socket);
  if (error != 0) throw std::system_error(error, std::generic_category(), "send");
  return true;
}

// sendfile(2) has no MSG_NOSIGNAL: a SIGPIPE raised while this lives never reaches anyone.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~WithoutSigpipe() {
    const timespec at_once{};
    ::sigtimedwait(&sigpipe_, nullptr, &at_once);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t sigpipe_;
  sigset_t before_;
};

}  // namespace

ConnectedSocket::ConnectedSocket(UniqueFd socket) : socket_(std::move(socket)) {
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK) < 0) {
    throw_errno("fcntl(O_NONBLOCK)");
  }
  // Small messages go out at once; large ones are joined by MSG_MORE. No effect on a Unix socket.
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

ConnectedSocket::ConnectedSocket(ConnectedSocket&& other) noexcept
    : socket_(std::move(other.socket_)),
      low_water_(other.low_water_),
      shut_down_(other.shut_down_.load()) {}

ConnectedSocket& ConnectedSocket::operator=(ConnectedSocket&& other) noexcept {
  socket_ = std::move(other.socket_);
  low_water_ = other.low_water_;
  shut_down_ = other.shut_down_.load();
  return *this;
}

ConnectedSocket ConnectedSocket::prepared(UniqueFd socket) {
  return ConnectedSocket(std::move(socket), Prepared());
}

void ConnectedSocket::connect(const Endpoint& remote, Deadline deadline) {
  sockaddr_storage address;
  const socklen_t length = remote.to_sockaddr(address);
  const int result = retry_eintr([&] {
    return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length);
  });
  if (result == 0) return;
  if (errno != EINPROGRESS) throw_errno("connect " + remote.to_string());
  wait_for(POLLOUT, deadline, "connect");
  int error = take_error(socket_.get());
  if (error == 0) {
    // A shutdown() during the attempt leaves no error behind, but no connection either.
    sockaddr_storage peer;
    socklen_t peer_length = sizeof peer;
    if (::getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &peer_length) < 0) {
      error = errno;
    }
  }
  if (error != 0) {
    throw std::system_error(error, std::generic_category(), "connect " + remote.to_string());
  }
}

// Sleeps, if it has to, until `wake_at` bytes are there: to be woken for each few segments of a
// large body costs more than to copy them.
std::optional<std::size_t> ConnectedSocket::try_recv(std::span<std::byte> buffer,
                                                     std::size_t wake_at, Deadline deadline) {
  while (true) {
    // The kernel would first hand over what has arrived, which may be megabytes of small messages.
    if (shut_down_.load(std::memory_order_relaxed)) return 0;
    const ssize_t n =
        retry_eintr([&] { return ::recv(socket_.get(), buffer.data(), buffer.size(), 0); });
    if (n >= 0) return static_cast<std::size_t>(n);
    if (!would_block(errno)) throw_errno("recv");
    const int low_water = static_cast<int>(std::min(wake_at, kMostLowWater));
    if (low_water != low_water_) {
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
      low_water_ = low_water;
    }
    if (!is_ready(POLLIN, deadline)) return std::nullopt;
  }
}

std::size_t ConnectedSocket::send_some(std::span<const std::byte> data, Deadline deadline,
                                       bool more) {
  while (true) {
    if (const std::size_t n = try_send(data, more); n > 0) return n;
    wait_for(POLLOUT, deadline, "send");
  }
}

std::size_t ConnectedSocket::try_send(std::span<const std::byte> data, bool more) {
  const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  const ssize_t n =
      retry_eintr([&] { return ::send(socket_.get(), data.data(), data.size(), flags); });
  if (n >= 0) return static_cast<std::size_t>(n);
  if (!would_block(errno)) throw_errno("send");
  return 0;
}

void ConnectedSocket::send_file(int file, std::uint64_t offset, std::uint64_t length,
                                Deadline deadline) {
  const WithoutSigpipe without_sigpipe;
  auto position = static_cast<off_t>(offset);
  while (length > 0) {
    const auto chunk = static_cast<std::size_t>(std::min(length, kMaxSendfileBytes));
    const ssize_t n =
        retry_eintr([&] { return ::sendfile(socket_.get(), file, &position, chunk); });
    if (n > 0) {
      length -= static_cast<std::uint64_t>(n);
    } else if (n == 0) {
      throw FileReadError(std::make_error_code(std::errc::io_error), "file is too short");
    } else if (would_block(errno)) {
      wait_for(POLLOUT, deadline, "send");
    } else if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN || errno == ETIMEDOUT ||
               errno == EHOSTUNREACH || errno == ENETUNREACH || errno == ECONNABORTED ||
               errno == ENOBUFS || errno == ENOMEM) {
      throw_errno("send");
    } else {
      throw FileReadError(std::error_code(errno, std::generic_category()), "sendfile");
    }
  }
}

void ConnectedSocket::shutdown() noexcept {
  shut_down_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);
}

void ConnectedSocket::finish_sending() noexcept {
  ::shutdown(socket_.get(), SHUT_WR);
}

void ConnectedSocket::enable_tcp_keepalive() {
  const int on = 1;
  const int idle_seconds = 60;
  const int interval_seconds = 15;
  const int probes = 4;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds,
               sizeof interval_seconds);
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

void ConnectedSocket::set_buffer_bytes(int bytes) {
  piecework::set_buffer_bytes(socket_.get(), bytes);
}

TimePoint ConnectedSocket::stalled_since() const noexcept {
  int unsent = 0;
  tcp_info info{};
  socklen_t length = sizeof info;
  // In this order: what is unsent now has waited at least since anything was last sent.
  if (::ioctl(socket_.get(), SIOCOUTQNSD, &unsent) != 0 || unsent == 0 ||
      ::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
    return kNoDeadline;
  }
  return Clock::now() - milliseconds(info.tcpi_last_data_sent);
}

bool ConnectedSocket::is_left() const noexcept {
  pollfd socket{socket_.get(), POLLRDHUP, 0};
  return ::poll(&socket, 1, 0) > 0;
}

// The last confirmation is no event of poll(2), which calls a socket ready whose both directions
// have ended; but each change of its state is an edge for epoll(7).
bool ConnectedSocket::is_all_taken(Deadline deadline) {
  const UniqueFd changes(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event change{.events = EPOLLIN | EPOLLET, .data = {}};
  if (!changes.valid() || ::epoll_ctl(changes.get(), EPOLL_CTL_ADD, socket_.get(), &change) < 0) {
    throw_errno("epoll");
  }
  while (!shut_down_) {
    if (is_closed(socket_.get())) return true;
    const int changed = retry_eintr(
        [&] { return ::epoll_wait(changes.get(), &change, 1, poll_timeout(deadline)); });
    if (changed < 0) throw_errno("epoll_wait");
    if (changed == 0) return false;
  }
  return false;
}

Endpoint ConnectedSocket::local_endpoint() const {
  return socket_name(socket_.get());
}

Endpoint ConnectedSocket::remote_endpoint() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length) < 0) return {};
  return Endpoint::from_sockaddr(address);
}

bool ConnectedSocket::is_ready(short events, Deadline deadline) {
  pollfd waiting{socket_.get(), events, 0};
  const int ready = retry_eintr([&] { return ::poll(&waiting, 1, poll_timeout(deadline)); });
  if (ready < 0) throw_errno("poll");
  return ready > 0;
}

void ConnectedSocket::wait_for(short events, Deadline deadline, const char* what) {
  if (!is_ready(events, deadline)) throw TimeoutError(std::string(what) + " timed out");
}

}  // namespace piecework
