#include "tracker/tracker_connection.h"

#include <exception>
#include <optional>
#include <string>
#include <system_error>

#include "common/announce.h"
#include "common/errors.h"
#include "common/frame.h"
#include "common/log.h"

namespace piecework::tracker {
namespace {

void log_closed(LogLevel level, const Endpoint& peer, std::string_view reason,
                const Fields& details = {}) {
  if (!log_enabled(level)) return;
  Fields fields{{"peer", peer.to_string()}, {"reason", reason}};
  fields.insert(fields.end(), details.begin(), details.end());
  log_line(level, "connection.closed", fields);
}

}  // namespace

void serve_tracker_connection(ConnectionThreads::Connection& connection, ConnectionThreads& threads,
                              AnnounceService& service) {
  Stream& stream = connection.stream();
  const Endpoint& peer = connection.remote();
  bool answered = false;
  try {
    Deadline deadline = Clock::now() + kFirstRequestTime;
    while (const auto request = recv_text_frame(stream, kMaxAnnounceRequestBytes, deadline)) {
      if (!answered) threads.first_frame_done(connection);
      const TimePoint now = Clock::now();
      send_text_frame(stream, service.answer(*request, peer, now), now + kAnswerTime);
      answered = true;
      deadline = Clock::now() + kNextRequestTime;
    }
    log_closed(LogLevel::kDebug, peer, "end_of_stream");
  } catch (const ProtocolError& error) {
    log_closed(LogLevel::kWarn, peer, error.reason(), error.fields());
  } catch (const TimeoutError&) {
    // To stay silent after an answer is not to have broken anything.
    log_closed(answered ? LogLevel::kDebug : LogLevel::kWarn, peer,
               answered ? "idle" : "no_request");
  } catch (const std::system_error& error) {
    log_closed(LogLevel::kInfo, peer, error.what());
  } catch (const std::exception& error) {
    log_closed(LogLevel::kError, peer, error.what());
  }
}

}  // namespace piecework::tracker
