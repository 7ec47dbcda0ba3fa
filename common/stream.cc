#include "common/stream.h"

#include <sys/socket.h>

#include <exception>

#include "common/errors.h"
#include "common/socket.h"
#include "common/tls_session.h"

namespace piecework {

Stream::Stream(UniqueFd socket) : socket_(std::move(socket)) {}

Stream::Stream(ConnectedSocket socket) : socket_(std::move(socket)) {}

Stream::Stream(Stream&& other) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept = default;
Stream::~Stream() = default;

Stream Stream::prepared(UniqueFd socket) {
  return Stream(ConnectedSocket::prepared(std::move(socket)));
}

Stream Stream::unconnected(const Endpoint& remote) {
  return Stream(open_tcp_socket(remote.address.is_v4() ? AF_INET : AF_INET6));
}

void Stream::connect(const Endpoint& remote, Deadline deadline) {
  socket_.connect(remote, deadline);
}

void Stream::connect_tls(const TlsContext& context, Deadline deadline) {
  tls_ = TlsSession::connect(context, socket_, deadline);
}

bool Stream::accept_tls(const TlsContext& context, Deadline deadline) {
  tls_ = TlsSession::accept(context, socket_, deadline);
  return tls_ != nullptr;
}

std::size_t Stream::recv_some(std::span<std::byte> buffer, Deadline deadline) {
  const auto received = try_recv_some(buffer, deadline);
  if (!received) throw TimeoutError("recv timed out");
  return *received;
}

std::optional<std::size_t> Stream::try_recv_some(std::span<std::byte> buffer, Deadline deadline) {
  return try_recv(buffer, 1, deadline);
}

std::optional<std::size_t> Stream::try_recv(std::span<std::byte> buffer, std::size_t wake_at,
                                            Deadline deadline) {
  if (tls_) return tls_->try_recv(socket_, buffer, wake_at, deadline);
  return socket_.try_recv(buffer, wake_at, deadline);
}

bool Stream::recv_exact(std::span<std::byte> buffer, Deadline deadline) {
  std::size_t got = 0;
  while (got < buffer.size()) {
    const auto rest = buffer.subspan(got);
    const auto n = try_recv(rest, rest.size(), deadline);
    if (!n) throw TimeoutError("recv timed out");
    if (*n == 0) {
      if (got == 0) return false;
      throw ProtocolError(kTruncated, {{"got", got}, {"expected", buffer.size()}});
    }
    got += *n;
  }
  return true;
}

void Stream::send_all(std::span<const std::byte> data, Deadline deadline, bool more) {
  if (tls_) return tls_->send_all(socket_, data, deadline, more);
  while (!data.empty()) data = data.subspan(socket_.send_some(data, deadline, more));
}

void Stream::send_file(int file, std::uint64_t offset, std::uint64_t length, Deadline deadline) {
  if (tls_) return tls_->send_file(socket_, file, offset, length, deadline);
  socket_.send_file(file, offset, length, deadline);
}

void Stream::finish_sending() noexcept {
  if (tls_) return tls_->finish_sending(socket_);
  socket_.finish_sending();
}

void Stream::drain(Deadline deadline) noexcept {
  std::byte scrap[4096];
  try {
    while (Clock::now() < deadline && recv_some(scrap, deadline) > 0) {
    }
  } catch (const std::exception&) {
    // The connection ends here whatever the other side does.
  }
}

}  // namespace piecework
