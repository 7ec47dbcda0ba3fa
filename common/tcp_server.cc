#include "common/tcp_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "common/log.h"
#include "common/socket.h"
#include "common/threads.h"

namespace piecework {
namespace {

constexpr milliseconds kBackOff{100};

std::vector<Endpoint> names_of(const std::vector<UniqueFd>& sockets) {
  std::vector<Endpoint> names;
  names.reserve(sockets.size());
  for (const UniqueFd& socket : sockets) names.push_back(socket_name(socket.get()));
  return names;
}

UniqueFd open_reserve() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

std::string_view refusal(ConnectionThreads::Started started) {
  switch (started) {
    case ConnectionThreads::Started::kFull: return "max_connections";
    case ConnectionThreads::Started::kAddressFull: return "max_connections_per_address";
    case ConnectionThreads::Started::kNoThread: return "no_thread";
    default: return "stopping";
  }
}

}  // namespace

TcpServer::TcpServer(const std::vector<Endpoint>& listen, ConnectionThreads& threads,
                     ConnectionThreads::Handler handler)
    : threads_(threads),
      handler_(std::move(handler)),
      listeners_(listen_all(listen)),
      listening_(names_of(listeners_)),
      reserve_(open_reserve()) {}

TcpServer::~TcpServer() {
  stop();
}

void TcpServer::set_buffer_bytes(int bytes) {
  for (const UniqueFd& listener : listeners_) piecework::set_buffer_bytes(listener.get(), bytes);
}

void TcpServer::start() {
  accepting_ = start_thread("accept", [this] { accept_loop(); });
}

void TcpServer::stop() {
  stop_.signal();
  if (accepting_.joinable()) accepting_.join();
}

void TcpServer::accept_loop() {
  std::vector<pollfd> waiting{{stop_.fd(), POLLIN, 0}};
  for (const UniqueFd& listener : listeners_) waiting.push_back({listener.get(), POLLIN, 0});
  while (true) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;  // EINTR
    if (waiting.front().revents != 0) return;
    for (std::size_t i = 1; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) accept_from(waiting[i].fd);
    }
  }
}

void TcpServer::accept_from(int listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  UniqueFd socket(
      ::accept4(listener, reinterpret_cast<sockaddr*>(&address), &length, SOCK_CLOEXEC));
  if (!socket.valid()) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      out_of_descriptors(listener, errno);
    }
    return;  // anything else concerns only the connection that went away meanwhile (accept(2))
  }
  const Endpoint remote = Endpoint::from_sockaddr(address);
  try {
    Stream stream(std::move(socket));
    const auto started =
        threads_.start(std::move(stream), remote, ConnectionThreads::Origin::kAccepted, handler_);
    if (started != ConnectionThreads::Started::kYes) {
      turn_away(stream);
      log_warn("connection.refused",
               {{"address", remote.address.to_string()}, {"reason", refusal(started)}});
    }
  } catch (const std::system_error& error) {
    log_warn("connection.refused",
             {{"address", remote.address.to_string()}, {"reason", error.what()}});
  }
}

// So little fits into the socket's buffer at once, or not at all.
void TcpServer::turn_away(Stream& stream) noexcept {
  try {
    stream.send_all(farewell_, Clock::now());
  } catch (const std::exception&) {
    // It has gone, and misses nothing.
  }
}

void TcpServer::out_of_descriptors(int listener, int error) {
  log_warn("accept.failed", {{"reason", std::generic_category().message(error)}});
  // Who is evicted makes room for the newcomer, which waits in the backlog until then.
  if (!threads_.evict_one()) {
    reserve_.reset();
    UniqueFd turned_away(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    turned_away.reset();
    reserve_ = open_reserve();
  }
  pollfd stopped{stop_.fd(), POLLIN, 0};
  ::poll(&stopped, 1, static_cast<int>(kBackOff.count()));
}

}  // namespace piecework
