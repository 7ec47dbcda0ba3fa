#include "tracker/tracker_server.h"

#include <utility>

#include "tracker/tracker_connection.h"

namespace piecework::tracker {

TrackerServer::TrackerServer(const std::vector<Endpoint>& listen,
                             const ConnectionThreads::Limits& limits, const AccessList& access,
                             AnnounceService& service, const TlsCredentials& tls)
    : threads_("announce", limits),
      server_(
          listen, threads_,
          [this, &service, &tls](ConnectionThreads::Connection& connection) {
            serve_tracker_connection(connection, threads_, service, tls);
          },
          ConnectionThreads::Pace::kBrief) {
  set_access(access);
}

void TrackerServer::set_access(AccessList access) {
  threads_.set_access(std::move(access), ConnectionThreads::Live::kAll);
}

void TrackerServer::start() {
  server_.start();
}

void TrackerServer::stop() {
  server_.stop();
  threads_.stop();
}

}  // namespace piecework::tracker
