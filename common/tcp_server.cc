#include "common/tcp_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <optional>
#include <system_error>

#include "common/heartbeat.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/wake_event.h"

namespace piecework {
namespace {

constexpr milliseconds kBackOff{100};

UniqueFd open_reserve() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool is_out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// Does it concern only a connection that went away meanwhile (accept(2))?
bool is_transient(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EAGAIN ||
         error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET ||
         error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH;
}

// The address at which a socket that listens there is reached from this host.
Endpoint reachable(Endpoint listening) {
  if (!listening.address.is_unspecified()) return listening;
  listening.address = *IpAddress::parse(listening.address.is_v4() ? "127.0.0.1" : "::1");
  return listening;
}

}  // namespace

// One listening socket. Threads stand in accept itself: the kernel wakes one for each newcomer, and
// who comes back while others wait in the backlog takes the next without sleeping. To wake all of
// them for good, the socket is shut down.
class TcpServer::Listener : public ConnectionThreads::Door {
 public:
  Listener(UniqueFd socket, ConnectionThreads& threads)
      : socket_(std::move(socket)),
        self_(reachable(socket_name(socket_.get()))),
        threads_(threads),
        reserve_(open_reserve()) {
    set_blocking(true);
    // What Stream::prepared() asks for; those accepted inherit it.
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  const UniqueFd& socket() const { return socket_; }

  void knock() noexcept;
  bool answered() noexcept;

  std::optional<ConnectionThreads::Arrival> next() override {
    while (!closed_) {
      sockaddr_storage address{};
      socklen_t length = sizeof address;
      UniqueFd socket(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
      heartbeat_.beat();
      if (socket.valid()) {
        const Endpoint remote = Endpoint::from_sockaddr(address);
        if (is_knock(remote)) continue;
        return ConnectionThreads::Arrival{Stream::prepared(std::move(socket)), remote};
      }
      if (!closed_ && !is_transient(errno)) recover(errno);
    }
    return std::nullopt;
  }

  void set_farewell(std::span<const std::byte> bytes) {
    farewell_.assign(bytes.begin(), bytes.end());
  }

  void turned_away(Stream& stream, const Endpoint& remote,
                   ConnectionThreads::Started reason) override {
    // So little fits into the socket's buffer at once, or not at all.
    try {
      stream.send_all(farewell_, Clock::now());
    } catch (const std::exception&) {
      // It has gone, and misses nothing.
    }
    log_warn("connection.refused", {{"address", remote.address.to_string()},
                                    {"reason", ConnectionThreads::refusal(reason)}});
  }

  void close() noexcept override {
    closed_ = true;
    stop_.signal();
    ::shutdown(socket_.get(), SHUT_RDWR);
  }

 private:
  bool is_knock(const Endpoint& remote) noexcept;

  void recover(int error) {
    if (!is_out_of_descriptors(error)) {
      log_warn("accept.failed", {{"reason", std::generic_category().message(error)}});
    } else if (newcomer_came_late()) {
      // The kernel wants a descriptor before it looks for a newcomer, so there was none; now there
      // may be descriptors as well.
      return;
    } else if (!making_room_.exchange(true)) {
      make_room(error);
      making_room_ = false;
    }
    pollfd stopped{stop_.fd(), POLLIN, 0};
    ::poll(&stopped, 1, static_cast<int>(kBackOff.count()));
  }

  // Waits for a newcomer when there is none. False when there is.
  bool newcomer_came_late() {
    std::array<pollfd, 2> waiting{{{socket_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), 0) > 0) return false;
    ::poll(waiting.data(), waiting.size(), -1);
    return true;
  }

  void make_room(int error) {
    log_warn("accept.failed", {{"reason", std::generic_category().message(error)}});
    // Who is evicted makes room for the newcomer, which waits in the backlog until then.
    if (threads_.evict_one()) return;
    reserve_.reset();
    set_blocking(false);  // another thread may have taken the newcomer by now
    UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
    set_blocking(true);
    reserve_ = open_reserve();
  }

  void set_blocking(bool blocking) {
    const int flags = ::fcntl(socket_.get(), F_GETFL) & ~O_NONBLOCK;
    ::fcntl(socket_.get(), F_SETFL, flags | (blocking ? 0 : O_NONBLOCK));
  }

  const UniqueFd socket_;
  const Endpoint self_;  // where this host reaches it
  ConnectionThreads& threads_;
  std::vector<std::byte> farewell_;
  WakeEvent stop_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> making_room_{false};
  Heartbeat heartbeat_;
  UniqueFd knock_;                            // belongs to who asks
  std::atomic<std::uint16_t> knock_port_{0};  // from where; 0: from nowhere
  UniqueFd reserve_;  // given up for a moment to turn a newcomer away; belongs to who makes room
};

// A connection from our own address to ourselves. Its port is known before anybody can accept it.
void TcpServer::Listener::knock() noexcept {
  heartbeat_.ask();
  sockaddr_storage address{};
  socklen_t length = Endpoint{self_.address, 0}.to_sockaddr(address);
  knock_.reset(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!knock_.valid() ||
      ::bind(knock_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::getsockname(knock_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return;
  }
  knock_port_ = Endpoint::from_sockaddr(address).port;
  length = self_.to_sockaddr(address);
  // Whether it came through is seen by who accepts it.
  static_cast<void>(::connect(knock_.get(), reinterpret_cast<const sockaddr*>(&address), length));
}

// With nobody in the backlog nobody is kept waiting: the knock was accepted, or held back by a
// packet filter.
bool TcpServer::Listener::answered() noexcept {
  pollfd waiting{socket_.get(), POLLIN, 0};
  if (!heartbeat_.answered() && ::poll(&waiting, 1, 0) > 0) return false;
  knock_.reset();
  knock_port_ = 0;  // may be anybody's from now on
  return true;
}

bool TcpServer::Listener::is_knock(const Endpoint& remote) noexcept {
  std::uint16_t port = remote.port;
  return knock_port_.load(std::memory_order_relaxed) == port && remote.address == self_.address &&
         knock_port_.compare_exchange_strong(port, 0);
}

TcpServer::TcpServer(const std::vector<Endpoint>& listen, ConnectionThreads& threads,
                     ConnectionThreads::Handler handler, ConnectionThreads::Pace pace)
    : threads_(threads), handler_(std::move(handler)), pace_(pace) {
  for (UniqueFd& socket : listen_all(listen)) {
    listening_.push_back(socket_name(socket.get()));
    listeners_.push_back(std::make_shared<Listener>(std::move(socket), threads));
  }
}

TcpServer::~TcpServer() {
  stop();
}

void TcpServer::set_buffer_bytes(int bytes) {
  for (const auto& listener : listeners_) {
    piecework::set_buffer_bytes(listener->socket().get(), bytes);
  }
}

void TcpServer::set_farewell(std::span<const std::byte> bytes) {
  for (const auto& listener : listeners_) listener->set_farewell(bytes);
}

void TcpServer::start() {
  for (const auto& listener : listeners_) threads_.attend(listener, pace_, handler_);
}

void TcpServer::ask() noexcept {
  for (const auto& listener : listeners_) listener->knock();
}

bool TcpServer::answered() noexcept {
  bool all = true;
  for (const auto& listener : listeners_) all = listener->answered() && all;
  return all;
}

void TcpServer::stop() {
  for (const auto& listener : listeners_) listener->close();
}

}  // namespace piecework
