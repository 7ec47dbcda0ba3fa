// What the machine allows: a file goes from process to process by sendfile, is hashed as pieces of
// 1 MiB, and is written, with nothing between the connections and the threads that read them. No
// protocol: a connection begins with the 16 bytes that say which part of the file it wants, and the
// rest of it is the bytes of that part. The benches compare Piecework with it.
//
//   limit send FILE [HOST:PORT]
//     serves until it is ended; prints `listening port=N`.
//   limit receive OUT LENGTH CONNECTIONS HOST:PORT...
//     fetches LENGTH bytes to OUT, in CONNECTIONS connections to each sender, a blocking thread
//     each, and prints `start=S end=S seconds=S cpu=S`: the monotonic clock before the first
//     connect and after the last write, and the processor time of this process between the two.
//
// IPv4 only. Any failure ends the process with the reason and status 1.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;

// Part of the file: both in the machine's own byte order, since both ends run on one machine.
struct Range {
  std::uint64_t offset;
  std::uint64_t length;
};
static_assert(sizeof(Range) == 16);

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "limit: %s\n", what.c_str());
  std::_Exit(1);
}

[[noreturn]] void fail_errno(const std::string& what) {
  fail(what + ": " + std::strerror(errno));
}

int checked(int result, const char* what) {
  if (result < 0) fail_errno(what);
  return result;
}

std::uint64_t parse_number(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) {
    fail("not a number in range: " + std::string(text));
  }
  return value;
}

sockaddr_in parse_endpoint(const std::string& text) {
  const std::size_t colon = text.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    fail("not HOST:PORT: " + text);
  }
  const auto port = parse_number(std::string_view(text).substr(colon + 1), 65535);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

// The calls of sockets(7) want the general type.
const sockaddr* general(const sockaddr_in& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double monotonic_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Fills the buffer, or fails.
void receive_exactly(int socket, void* data, std::size_t length) {
  auto* at = static_cast<unsigned char*>(data);
  while (length > 0) {
    const ssize_t got = recv(socket, at, length, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno("recv");
    if (got == 0) fail("the other end closed");
    at += got;
    length -= static_cast<std::size_t>(got);
  }
}

// One connection of the sender; a receiver that goes away ends only that.
void serve(int socket, int file) {
  Range range{};
  if (recv(socket, &range, sizeof range, MSG_WAITALL) == ssize_t{sizeof range}) {
    auto offset = static_cast<off_t>(range.offset);
    while (range.length > 0) {
      const ssize_t sent = sendfile(socket, file, &offset, range.length);
      if (sent <= 0) break;
      range.length -= static_cast<std::uint64_t>(sent);
    }
  }
  close(socket);
}

int send_file(const std::string& path, const std::string& listen_on) {
  const int file = checked(open(path.c_str(), O_RDONLY | O_CLOEXEC), "open");
  const int listener = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address = parse_endpoint(listen_on);
  checked(bind(listener, general(address), sizeof address), "bind");
  checked(listen(listener, 64), "listen");
  socklen_t length = sizeof address;
  checked(getsockname(listener, static_cast<sockaddr*>(static_cast<void*>(&address)), &length),
          "getsockname");
  std::printf("listening port=%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  while (true) {
    const int client = checked(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
    std::thread(serve, client, file).detach();  // for as long as the process
  }
}

// One connection of the receiver, from connect to its last byte in the file.
void fetch(const sockaddr_in& from, int file, Range range) {
  const int socket = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  checked(connect(socket, general(from), sizeof from), "connect");
  if (send(socket, &range, sizeof range, MSG_NOSIGNAL) != ssize_t{sizeof range}) fail_errno("send");
  std::vector<unsigned char> piece(kPieceBytes);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  while (range.length > 0) {
    const auto length = std::min(kPieceBytes, range.length);
    receive_exactly(socket, piece.data(), length);
    if (EVP_Digest(piece.data(), length, digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
      fail("EVP_Digest");
    }
    if (pwrite(file, piece.data(), length, static_cast<off_t>(range.offset)) !=
        static_cast<ssize_t>(length)) {
      fail_errno("pwrite");
    }
    range.offset += length;
    range.length -= length;
  }
  close(socket);
}

// As many parts as there are threads, cut between pieces, equal but for one piece.
std::vector<Range> cut(std::uint64_t length, std::uint64_t parts) {
  const std::uint64_t pieces = (length + kPieceBytes - 1) / kPieceBytes;
  std::vector<Range> ranges;
  for (std::uint64_t part = 0; part < parts; ++part) {
    const std::uint64_t from = std::min(length, pieces * part / parts * kPieceBytes);
    const std::uint64_t to = std::min(length, pieces * (part + 1) / parts * kPieceBytes);
    ranges.push_back({.offset = from, .length = to - from});
  }
  return ranges;
}

int receive_file(const std::string& path, std::uint64_t length, std::uint64_t connections,
                 const std::vector<sockaddr_in>& senders) {
  const int file =
      checked(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "open");
  const auto ranges = cut(length, connections * senders.size());
  const double cpu = processor_seconds();
  const double start = monotonic_seconds();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    threads.emplace_back(fetch, senders[i % senders.size()], file, ranges[i]);
  }
  for (auto& thread : threads) thread.join();
  const double end = monotonic_seconds();
  std::printf("start=%.6f end=%.6f seconds=%.6f cpu=%.6f\n", start, end, end - start,
              processor_seconds() - cpu);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 2 && arguments.size() <= 3 && arguments[0] == "send") {
    return send_file(arguments[1], arguments.size() == 3 ? arguments[2] : "127.0.0.1:0");
  }
  if (arguments.size() >= 5 && arguments[0] == "receive") {
    std::vector<sockaddr_in> senders;
    for (std::size_t i = 4; i < arguments.size(); ++i) {
      senders.push_back(parse_endpoint(arguments[i]));
    }
    return receive_file(arguments[1], parse_number(arguments[2], std::uint64_t{1} << 40),
                        parse_number(arguments[3], 64), senders);
  }
  std::fputs(
      "usage: limit send FILE [HOST:PORT]\n"
      "       limit receive OUT LENGTH CONNECTIONS HOST:PORT...\n",
      stderr);
  return 64;
}
