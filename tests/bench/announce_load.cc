// Announces to a tracker as fast as it answers, with a new TCP connection each: ours with framed
// JSON, or any HTTP tracker with --http. One thread; everything that can be prepared is, because it
// shares the machine with the tracker. Prints one line: announces/s, CPU of its own, p50, p99.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/byte_order.h"
#include "common/unique_fd.h"

namespace piecework {
namespace {

constexpr std::uint32_t kFirstPort = 10'000;  // of five digits each, so that requests stay as long
constexpr std::uint32_t kPortsPerAddress = 50'000;
constexpr std::size_t kMaxAnswerBytes = 64 << 10;

struct Options {
  std::uint16_t port = 6666;
  std::uint32_t announces = 100'000;
  std::uint32_t at_a_time = 64;
  std::uint32_t peers = 1000;   // that announce in turn
  std::uint32_t swarms = 1000;  // that they are spread over
  std::uint32_t numwant = 50;
  bool http = false;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "announce_load: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

// The request of a peer, of which only digits differ from peer to peer.
class Request {
 public:
  explicit Request(const Options& options) : options_(options) {
    const std::string numwant = std::to_string(options.numwant);
    if (options.http) {
      text_ = "GET /announce?info_hash=";
      swarm_at_ = text_.size();
      for (int i = 0; i < 20; ++i) text_ += "%00";
      text_ += "&peer_id=-PW0100-0123456789ab&port=";
      port_at_ = text_.size();
      text_ +=
          "00000&uploaded=0&downloaded=0&left=1000&compact=1&event=started&numwant=" + numwant +
          " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
      return;
    }
    std::string body = R"({"port": )";
    const std::size_t port_at = body.size();
    body += R"(00000, "peer_id": "-PW0100-0123456789ab", "event": "started", "info_hash": ")";
    const std::size_t swarm_at = body.size();
    body += std::string(64, '0') +
            R"(", "left": 1000, "downloaded": 0, "uploaded": 0, "numwant": )" + numwant + "}";
    std::array<std::byte, 8> header;
    store_be<std::uint64_t>(header, body.size());
    text_.assign(reinterpret_cast<const char*>(header.data()), header.size());
    port_at_ = text_.size() + port_at;
    swarm_at_ = text_.size() + swarm_at;
    text_ += body;
  }

  std::string_view of(std::uint32_t peer) {
    put_number(port_at_, 5, kFirstPort + peer % kPortsPerAddress, 10);
    put_number(swarm_at_, options_.http ? 12 : 8, peer % options_.swarms, 16);
    return text_;
  }

 private:
  // In a URL every byte of the hash is three characters: those of "%00" that are digits are set.
  void put_number(std::size_t at, std::size_t digits, std::uint32_t value, std::uint32_t base) {
    for (std::size_t i = digits; i-- > 0;) {
      if (text_[at + i] == '%') continue;
      text_[at + i] = "0123456789abcdef"[value % base];
      value /= base;
    }
  }

  const Options& options_;
  std::string text_;
  std::size_t port_at_ = 0;
  std::size_t swarm_at_ = 0;
};

// How long the whole answer is that begins with `text`; 0 when that cannot be said yet.
std::size_t answer_length(bool http, std::string_view text) {
  if (!http) {
    if (text.size() < 8) return 0;
    return 8 + load_be<std::uint64_t>(std::as_bytes(std::span(text).first<8>()));
  }
  constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t head = text.find("\r\n\r\n");
  const std::size_t at = text.find(kLength);
  if (head == std::string_view::npos || at == std::string_view::npos) return 0;
  std::size_t length = 0;
  std::from_chars(text.data() + at + kLength.size(), text.data() + head, length);
  return head + 4 + length;
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), request_(options), epoll_(::epoll_create1(0)) {
    connections_.resize(options.at_a_time);
    latencies_us_.reserve(options.announces);
  }

  void run() {
    const auto begin = Clock::now();
    for (Connection& connection : connections_) open(connection);
    std::vector<epoll_event> events(options_.at_a_time);
    while (latencies_us_.size() < options_.announces) {
      const int ready =
          ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 10'000);
      if (ready <= 0) die("no answer within 10 s");
      for (int i = 0; i < ready; ++i) {
        read(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
      }
    }
    report(std::chrono::duration<double>(Clock::now() - begin).count());
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Connection {
    UniqueFd socket;
    Clock::time_point begun;
    std::string answer;  // so far, when it comes in parts
  };

  void open(Connection& connection) {
    if (opened_ == options_.announces) return;
    const std::uint32_t peer = opened_++ % options_.peers;
    connection.begun = Clock::now();
    connection.socket = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int socket = connection.socket.get();
    if (socket < 0) die("socket");
    // From many addresses: one does not have ports enough for all that wait out their TIME_WAIT.
    // Which one follows from the peer, so that a peer keeps its address.
    const int on = 1;
    ::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in from = loopback(0x7f090001 + peer / kPortsPerAddress * 256 + peer % 50, 0);
    if (::bind(socket, reinterpret_cast<sockaddr*>(&from), sizeof from) < 0) die("bind");
    sockaddr_in to = loopback(INADDR_LOOPBACK, options_.port);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0 &&
        errno != EINPROGRESS) {
      die("connect");
    }
    // On loopback the connection stands by now.
    const std::string_view text = request_.of(peer);
    if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(text.size())) {
      die("send");
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event) < 0) die("epoll_ctl");
  }

  void read(Connection& connection) {
    const ssize_t n = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("recv");
    std::string_view answer(buffer_.data(), static_cast<std::size_t>(n));
    if (!connection.answer.empty()) answer = connection.answer.append(answer);
    const std::size_t length = answer_length(options_.http, answer);
    if (length == 0 || answer.size() < length) {
      if (connection.answer.empty()) connection.answer = answer;
      return;
    }
    check(answer);
    connection.answer.clear();
    connection.socket.reset();
    latencies_us_.push_back(static_cast<float>(
        std::chrono::duration<double, std::micro>(Clock::now() - connection.begun).count()));
    open(connection);
  }

  void check(std::string_view answer) {
    bytes_ += answer.size();
    const std::string_view good = options_.http ? "8:interval" : R"("error_code":0)";
    if (answer.find(good) != std::string_view::npos) return;
    std::fprintf(stderr, "announce_load: %.*s\n", static_cast<int>(answer.size()), answer.data());
    std::exit(1);
  }

  void report(double seconds) {
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const auto percentile = [this](std::size_t percent) {
      return static_cast<double>(latencies_us_[(latencies_us_.size() - 1) * percent / 100]);
    };
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto microseconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    const auto announces = static_cast<double>(options_.announces);
    std::printf("per_second=%.0f p50_us=%.0f p99_us=%.0f max_us=%.0f load_cpu_us=%.1f bytes=%.0f\n",
                announces / seconds, percentile(50), percentile(99), percentile(100),
                (microseconds(used.ru_utime) + microseconds(used.ru_stime)) / announces,
                static_cast<double>(bytes_) / announces);
  }

  static sockaddr_in loopback(std::uint32_t address, std::uint16_t port) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(address);
    in.sin_port = htons(port);
    return in;
  }

  const Options& options_;
  Request request_;
  UniqueFd epoll_;
  std::vector<Connection> connections_;
  std::vector<float> latencies_us_;
  std::uint32_t opened_ = 0;
  std::uint64_t bytes_ = 0;
  std::array<char, kMaxAnswerBytes> buffer_;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    if (name == "--http") {
      options.http = true;
      continue;
    }
    std::uint32_t value = 0;
    const std::string_view text = i + 1 < argc ? argv[++i] : "";
    std::from_chars(text.data(), text.data() + text.size(), value);
    if (value == 0) name = "";
    if (name == "--port" && value < 65536)
      options.port = static_cast<std::uint16_t>(value);
    else if (name == "--announces")
      options.announces = value;
    else if (name == "--at-a-time")
      options.at_a_time = value;
    else if (name == "--peers")
      options.peers = value;
    else if (name == "--swarms")
      options.swarms = value;
    else if (name == "--numwant")
      options.numwant = value;
    else {
      std::fprintf(stderr,
                   "usage: announce_load --port N [--http] [--announces N] [--at-a-time N]\n"
                   "                     [--peers N] [--swarms N] [--numwant N]\n");
      std::exit(64);
    }
  }
  return options;
}

}  // namespace
}  // namespace piecework

int main(int argc, char** argv) {
  const piecework::Options options = piecework::parse(argc, argv);
  static piecework::Load load(options);
  load.run();
}
