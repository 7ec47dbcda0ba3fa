// The network side of the tracker: listening sockets, and a thread for each connection.
// Belongs to one thread, except connections() and denied().
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/connection_threads.h"
#include "common/endpoint.h"
#include "common/tcp_server.h"
#include "common/tls_credentials.h"
#include "tracker/announce_service.h"

namespace piecework::tracker {

class TrackerServer {
 public:
  // Listens at once (throws std::system_error naming the endpoint); accepts after start().
  // `service` and `tls` must outlive this object.
  TrackerServer(const std::vector<Endpoint>& listen, const ConnectionThreads::Limits& limits,
                const AccessList& access, AnnounceService& service,
                const TlsCredentials& tls = TlsCredentials::none());

  const std::vector<Endpoint>& listening() const { return server_.listening(); }
  std::size_t connections() const { return threads_.count(); }
  std::uint64_t denied() const { return threads_.denied_count(); }

  // From now on; connections that are live and denied are closed.
  void set_access(AccessList access);
  void set_limits(const ConnectionThreads::Limits& limits) { threads_.set_limits(limits); }

  void start();
  // As TcpServer.
  void ask() noexcept { server_.ask(); }
  bool answered() noexcept { return server_.answered(); }
  void stop();  // takes no more, ends every connection and joins every thread

 private:
  ConnectionThreads threads_;
  TcpServer server_;
};

}  // namespace piecework::tracker
