#include "peer/tracker_client.h"

#include <string>

#include "common/errors.h"
#include "common/frame.h"
#include "common/json.h"
#include "common/try_each.h"

namespace piecework::peer {

AnnounceResponse TrackerClient::announce(const HostPort& tracker, const AnnounceRequest& request,
                                         Deadline deadline) {
  return announce(resolve(tracker), request, deadline);
}

AnnounceResponse TrackerClient::announce(const std::vector<Endpoint>& addresses,
                                         const AnnounceRequest& request, Deadline deadline) {
  AnnounceResponse response;
  try_each(addresses, deadline, [&](const Endpoint& address, Deadline share) {
    response = exchange(address, request, share);
  });
  return response;
}

AnnounceResponse TrackerClient::exchange(const Endpoint& tracker, const AnnounceRequest& request,
                                         Deadline deadline) {
  Stream stream = Stream::unconnected(tracker);
  struct Registration {
    Registration(TrackerClient& client, Stream& current) : owner(client) {
      MutexLock lock(owner.mutex_);
      if (owner.cancelled_) {
        throw std::system_error(std::make_error_code(std::errc::operation_canceled), "announce");
      }
      owner.current_ = &current;
    }
    ~Registration() {
      MutexLock lock(owner.mutex_);
      owner.current_ = nullptr;
    }
    TrackerClient& owner;
  } registration(*this, stream);

  stream.connect(tracker, deadline);
  tls_.connect(stream, deadline);
  send_text_frame(stream, format_announce_request(request), deadline);
  const bool leaving = request.event != AnnounceEvent::kStarted;
  std::optional<std::string> text;
  try {
    text = recv_text_frame(stream, kMaxAnnounceResponseBytes, deadline);
  } catch (const ProtocolError&) {
    // An original answers a leave that it does not know in ways that make no frame.
    if (!leaving) throw;
  }
  if (!text) {
    if (leaving) return {};
    throw ProtocolError("bad_response", {{"error", "closed without an answer"}});
  }
  try {
    AnnounceResponse response = parse_announce_response(*text);
    if (response.error_code != 0 && !leaving) {
      throw ProtocolError("refused", {{"message", response.message}});
    }
    return response;
  } catch (const JsonError& error) {
    throw ProtocolError("bad_response", {{"error", error.what()}});
  }
}

void TrackerClient::allow() {
  MutexLock lock(mutex_);
  cancelled_ = false;
}

void TrackerClient::cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  if (current_ != nullptr) current_->shutdown();
}

}  // namespace piecework::peer
