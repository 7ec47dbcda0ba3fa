#include "peer/peerctl_serve.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <vector>

#include "common/command_line.h"
#include "common/connection_threads.h"
#include "common/errors.h"
#include "common/frame.h"
#include "common/printable.h"
#include "common/shutdown_signal.h"
#include "common/socket.h"
#include "common/tcp_server.h"
#include "common/tls_credentials.h"
#include "common/units.h"
#include "peer/peerctl_io.h"
#include "peer/peerctl_tls.h"

namespace piecework::peer::peerctl {
namespace {

constexpr std::string_view kDefaultListen[] = {"0.0.0.0:6665", "[::]:6665"};
constexpr ConnectionThreads::Limits kLimits{1024, 1024};
constexpr std::uint64_t kStepBytes = 4 << 20;  // each of these has kStepTime
constexpr seconds kStepTime{60};
constexpr seconds kHandshakeTime{10};

// Sends the header and the file; each step of it must go out in its time, so that a client that
// stands still is let go and one that is merely slow is not. Returns the bytes of the file.
std::uint64_t send_whole(Stream& stream, const DataFile& data) {
  struct stat now;
  if (::fstat(data.fd.get(), &now) < 0) throw_errno("stat");
  const auto size = static_cast<std::uint64_t>(now.st_size);
  stream.send_all(encode_frame_header(size), Clock::now() + kStepTime, size > 0);
  for (std::uint64_t at = 0; at < size; at += kStepBytes) {
    stream.send_file(data.fd.get(), at, std::min(kStepBytes, size - at), Clock::now() + kStepTime);
  }
  stream.finish_sending();
  return size;
}

// A client says nothing, but for one that speaks TLS to a server that does not: it takes nothing.
void judge(std::span<const std::byte> said) {
  if (begins_tls(said)) throw ProtocolError("tls_not_configured");
}

// The client closes when it has everything; closing first could cut off the tail. Throws when it
// has not taken everything.
void wait_for_close(Stream& stream) {
  const Deadline deadline = Clock::now() + kStepTime;
  std::array<std::byte, 4096> said;
  for (bool first = true; Clock::now() < deadline; first = false) {
    const std::optional<std::size_t> length = stream.try_recv_some(said, deadline);
    if (length == 0U && stream.is_all_taken(deadline)) return;
    if (!length || *length == 0) break;
    if (first) judge(std::span(said).first(*length));
  }
  throw TimeoutError("it has not closed, so it may not have everything");
}

// Returns the bytes of the file, all of which the client has taken.
std::uint64_t hand_over(Stream& stream, const DataFile& data) {
  std::uint64_t size = 0;
  try {
    size = send_whole(stream, data);
  } catch (const std::system_error&) {
    // It has left; what it said first may tell why.
    std::array<std::byte, kFrameHeaderBytes> said;
    judge(std::span(said).first(stream.try_recv_some(said, Clock::now()).value_or(0)));
    throw;
  }
  wait_for_close(stream);
  return size;
}

void serve_one(ConnectionThreads::Connection& connection, const DataFile& data,
               const TlsCredentials& tls) {
  const std::string who = connection.remote().to_string();
  const TimePoint start = Clock::now();
  try {
    if (!tls.accept(connection.stream(), Clock::now() + kHandshakeTime)) return;
    const std::uint64_t bytes = hand_over(connection.stream(), data);
    const std::chrono::duration<double> took = Clock::now() - start;
    print_note("sent to " + who + ": " + std::to_string(bytes) + " bytes in " +
               format_seconds(Clock::now() - start) + " s, " +
               format_rate(static_cast<double>(bytes) / took.count()));
  } catch (const std::exception& error) {
    print_note("broken off to " + who + ": " + printable(error.what()));
  }
}

}  // namespace

CommandSpec serve_spec() {
  return {
      .name = "peerctl serve",
      .usage = "FILE [--listen HOST:PORT]… [--tls-ca FILE --tls-certificate FILE --tls-key FILE]",
      .about =
          "Sends FILE, whole, to everyone who connects (see `peerctl fetch`), many at once,\n"
          "until it is stopped by TERM or INT. Without TLS nobody is asked who they are.",
      .positionals = {"FILE"},
      .required_positionals = 1,
      .options =
          with_tls_options({{.name = "--listen",
                             .value_name = "HOST:PORT",
                             .help = "where to listen, 0.0.0.0:6665 and [::]:6665 unless given;\n"
                                     "a port of 0 picks a free one",
                             .repeatable = true}})};
}

int run_serve(const CommandLine& line) {
  ShutdownSignals signals;
  const std::string& path = line.positionals().front();
  const DataFile data = open_data_file(path);
  const TlsCredentials tls(tls_of(line));
  ConnectionThreads threads("serve", kLimits);
  TcpServer server(
      listen_endpoints(line, kDefaultListen), threads,
      [&](ConnectionThreads::Connection& connection) { serve_one(connection, data, tls); });
  for (const Endpoint& endpoint : server.listening()) {
    print_note("serving " + printable(path) + ", " + std::to_string(data.size()) + " bytes, on " +
               endpoint.to_string());
  }
  server.start();
  while (signals.wait(kNoDeadline) != ShutdownSignals::Event::kStop) {
  }
  server.stop();
  threads.stop();
  return kExitOk;
}

}  // namespace piecework::peer::peerctl
