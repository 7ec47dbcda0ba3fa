// How fast a file goes through Streams over loopback, in the clear or in TLS: both ends in this
// process, a thread for each end of each connection, as a connection with another peer has them.
//
//   stream_rate FILE CONNECTIONS [CA CERTIFICATE KEY]
//
// Each connection carries the whole file. Prints "seconds=… cpu=…": from the first byte to the
// last, handshakes not counted, and what both ends together have used of the processor.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "common/socket.h"
#include "common/stream.h"
#include "common/tls_context.h"
#include "common/unique_fd.h"

namespace piecework {
namespace {

constexpr std::size_t kStepBytes = 256 << 10;  // as pieces are received
constexpr std::uint64_t kPieceBytes = 1 << 20;
constexpr seconds kTime{60};

struct Pair {
  Stream sends;
  Stream receives;
};

Pair connect_pair(const TlsContext* tls) {
  const UniqueFd listener = listen_tcp(*Endpoint::parse("127.0.0.1:0"));
  const Endpoint at = socket_name(listener.get());
  Stream sends = Stream::unconnected(at);
  sends.connect(at, Clock::now() + kTime);
  Stream receives(UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  if (tls != nullptr) {
    std::thread accepts([&] { receives.accept_tls(*tls, Clock::now() + kTime); });
    sends.connect_tls(*tls, Clock::now() + kTime);
    accepts.join();
  }
  return {std::move(sends), std::move(receives)};
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds_of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

void send_file(Stream& stream, int file, std::uint64_t length) {
  for (std::uint64_t at = 0; at < length; at += kPieceBytes) {
    stream.send_file(file, at, std::min(kPieceBytes, length - at), Clock::now() + kTime);
  }
  stream.finish_sending();
}

void receive_all(Stream& stream, std::uint64_t length) {
  std::vector<std::byte> buffer(kStepBytes);
  std::uint64_t got = 0;
  while (got < length) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(kStepBytes, length - got));
    if (!stream.recv_exact(std::span(buffer).first(step), Clock::now() + kTime)) std::abort();
    got += step;
  }
}

void measure(const char* path, int connections, const TlsContext* tls) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) throw_errno(path);
  const auto length = static_cast<std::uint64_t>(status.st_size);
  std::vector<Pair> pairs;
  for (int i = 0; i < connections; ++i) pairs.push_back(connect_pair(tls));
  const double cpu = cpu_seconds();
  const TimePoint start = Clock::now();
  std::vector<std::thread> threads;
  for (Pair& pair : pairs) {
    threads.emplace_back([&] { send_file(pair.sends, file.get(), length); });
    threads.emplace_back([&] { receive_all(pair.receives, length); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = Clock::now() - start;
  std::printf("seconds=%.4f cpu=%.4f\n", took.count(), cpu_seconds() - cpu);
}

}  // namespace
}  // namespace piecework

int main(int argc, char** argv) {
  using namespace piecework;
  if (argc != 3 && argc != 6) {
    std::fprintf(stderr, "usage: stream_rate FILE CONNECTIONS [CA CERTIFICATE KEY]\n");
    return 64;
  }
  try {
    std::shared_ptr<const TlsContext> tls;
    if (argc == 6) tls = TlsContext::load({.ca = argv[3], .certificate = argv[4], .key = argv[5]});
    measure(argv[1], std::atoi(argv[2]), tls.get());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stream_rate: %s\n", error.what());
    return 74;
  }
}
