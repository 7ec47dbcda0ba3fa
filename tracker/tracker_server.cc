#include "tracker/tracker_server.h"

#include "tracker/tracker_connection.h"

namespace piecework::tracker {

TrackerServer::TrackerServer(const std::vector<Endpoint>& listen, ConnectionThreads::Limits limits,
                             AnnounceService& service)
    : threads_("announce", limits),
      server_(
          listen, threads_,
          [this, &service](ConnectionThreads::Connection& connection) {
            serve_tracker_connection(connection, threads_, service);
          },
          ConnectionThreads::Pace::kBrief) {}

void TrackerServer::start() {
  server_.start();
}

void TrackerServer::stop() {
  server_.stop();
  threads_.stop();
}

}  // namespace piecework::tracker
