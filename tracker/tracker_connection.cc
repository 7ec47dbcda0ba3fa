#include "tracker/tracker_connection.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

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

// How long a thread waits for the other side before somebody else takes its place at the door. As
// long as a few requests take on a busy machine; more would let silent ones hold up the others.
constexpr milliseconds kBriefWait{5};
constexpr std::size_t kBriefAnswerBytes = 8 << 10;  // fits into any send buffer

// Request frames out of a stream: a whole one with a single recv(2), as nearly all of them come.
class Requests {
 public:
  Requests(ConnectionThreads::Connection& connection, ConnectionThreads& threads)
      : connection_(connection), threads_(threads) {}

  // The text of the next one, good until the next call. Nothing when the stream ended between
  // frames. Throws as recv_frame().
  std::optional<std::string_view> next(Deadline deadline) {
    drop_last();
    if (!fill(kFrameHeaderBytes, deadline)) return std::nullopt;
    const auto length = decode_frame_header(std::span(buffer_).first<kFrameHeaderBytes>(),
                                            kMaxAnnounceRequestBytes);
    last_ = kFrameHeaderBytes + length;
    fill(last_, deadline);
    if (std::exchange(waits_, false)) threads_.first_frame_done(connection_);
    return std::string_view(reinterpret_cast<const char*>(buffer_.data()), last_)
        .substr(kFrameHeaderBytes);
  }

  // The connection goes on for longer than a brief one does: its thread is missed at the door.
  void takes_long() {
    if (!std::exchange(brief_, false) || threads_.takes_long(connection_)) return;
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                            "no thread");
  }

  // The request has been answered, and most clients close now: that is waited for once more.
  void answered() { brief_until_ = Clock::now() + kBriefWait; }

 private:
  void drop_last() {
    std::copy(buffer_.data() + last_, buffer_.data() + held_, buffer_.data());
    held_ -= std::exchange(last_, 0);
  }

  // Receives until so many bytes are there. False when the stream ended before the first.
  bool fill(std::size_t bytes, Deadline deadline) {
    while (held_ < bytes) {
      const std::size_t n = recv(std::span(buffer_).subspan(held_), deadline);
      if (n == 0 && held_ == 0) return false;
      if (n == 0) throw ProtocolError(kTruncated, {{"got", held_}, {"expected", bytes}});
      held_ += n;
    }
    return true;
  }

  std::size_t recv(std::span<std::byte> buffer, Deadline deadline) {
    if (brief_) {
      const Deadline soon = std::min(deadline, brief_until_);
      if (const auto n = connection_.stream().try_recv_some(buffer, soon)) return *n;
      takes_long();
    }
    // One that was answered long ago holds no place that somebody else could use.
    if (!std::exchange(waits_, true)) threads_.at_rest(connection_);
    return connection_.stream().recv_some(buffer, deadline);
  }

  ConnectionThreads::Connection& connection_;
  ConnectionThreads& threads_;
  bool brief_ = true;
  bool waits_ = true;  // for a whole request, and is shut down when a newcomer has no place else
  TimePoint brief_until_ = Clock::now() + kBriefWait;
  std::size_t held_ = 0;  // bytes in the buffer,
  std::size_t last_ = 0;  // of which so many are the request handed out
  std::array<std::byte, kFrameHeaderBytes + kMaxAnnounceRequestBytes> buffer_;
};

}  // namespace

void serve_tracker_connection(ConnectionThreads::Connection& connection, ConnectionThreads& threads,
                              AnnounceService& service, const TlsCredentials& tls) {
  Stream& stream = connection.stream();
  const Endpoint& peer = connection.remote();
  bool answered = false;
  const auto log_end = [&](LogLevel level, std::string_view reason, const Fields& details = {}) {
    if (connection.is_denied()) return log_closed(LogLevel::kInfo, peer, "denied");
    if (threads.has_made_room(connection)) return log_closed(LogLevel::kInfo, peer, "made_room");
    log_closed(level, peer, reason, details);
  };
  try {
    Requests requests(connection, threads);
    Deadline deadline = Clock::now() + kFirstRequestTime;
    if (tls.enabled()) requests.takes_long();  // a handshake is no brief matter
    if (!tls.accept(stream, deadline)) return log_closed(LogLevel::kDebug, peer, "end_of_stream");
    while (const auto request = requests.next(deadline)) {
      const TimePoint now = Clock::now();
      const std::string answer = service.answer(*request, peer, now);
      // Who asks again may ask for ever, and a long answer may have to wait for its reader.
      if (answered || answer.size() > kBriefAnswerBytes) requests.takes_long();
      send_text_frame(stream, answer, now + kAnswerTime);
      answered = true;
      requests.answered();
      // Nobody waits for this thread any more. Most close once they have their answer, and will
      // have done so when the others have had their turn: then there is no need to sleep and be
      // woken.
      ::sched_yield();
      deadline = Clock::now() + kNextRequestTime;
    }
    log_end(LogLevel::kDebug, "end_of_stream");
  } catch (const ProtocolError& error) {
    log_end(LogLevel::kWarn, error.reason(), error.fields());
  } catch (const TimeoutError&) {
    // To stay silent after an answer is not to have broken anything.
    log_end(answered ? LogLevel::kDebug : LogLevel::kWarn, answered ? "idle" : "no_request");
  } catch (const std::system_error& error) {
    log_end(LogLevel::kInfo, error.what());
  } catch (const std::exception& error) {
    log_end(LogLevel::kError, error.what());
  }
}

}  // namespace piecework::tracker
