#include "common/stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "common/errors.h"
#include "common/socket.h"
#include "tests/support/certificates.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"
#include "tests/support/temp_dir.h"

namespace piecework {
namespace {

constexpr milliseconds kShort{50};
constexpr StreamPair (*kAllKinds[])(int) = {unix_stream_pair, tcp_stream_pair, tls_stream_pair};

UniqueFd open_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file.valid());
  return file;
}

std::string digits(std::size_t length) {
  std::string text;
  while (text.size() < length) text += std::to_string(text.size()) + ",";
  return text.substr(0, length);
}

// Sends until nothing more fits, so that the next send has to wait.
void fill(Stream& stream) {
  const std::string chunk(64 << 10, 'x');
  try {
    while (true) stream.send_all(bytes_of(chunk), Clock::now());
  } catch (const TimeoutError&) {
  }
}

// Runs `blocked` in a thread of its own and `wake` when that thread sleeps in the kernel.
void wake_from(const std::function<void()>& blocked, const std::function<void()>& wake) {
  std::atomic<clockid_t> clock{-1};
  std::thread sleeper([&] {
    clockid_t id;
    ::pthread_getcpuclockid(::pthread_self(), &id);
    clock = id;
    blocked();
  });
  // A thread whose CPU time stands still over many looks has nothing to do but wait. Should it
  // only have been slow to start, the call it is about to make must not block either.
  timespec before{-1, 0};
  int still = 0;
  eventually([&] {
    timespec now{};
    if (clock == -1 || ::clock_gettime(clock, &now) != 0) return false;
    const bool same = now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec;
    before = now;
    return (still = same ? still + 1 : 0) >= 10;
  });
  wake();
  sleeper.join();
}

// How SIGPIPE is treated while this lives: held back in this thread, where raised() sees it.
class HeldBackSigpipe {
 public:
  HeldBackSigpipe() : old_action_(::signal(SIGPIPE, SIG_DFL)) {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &set_, &old_mask_);
  }
  ~HeldBackSigpipe() {
    ::signal(SIGPIPE, SIG_IGN);  // throws away what is pending
    ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
    ::signal(SIGPIPE, old_action_);
  }
  bool raised() const {
    sigset_t pending;
    ::sigpending(&pending);
    return ::sigismember(&pending, SIGPIPE) == 1;
  }

 private:
  void (*old_action_)(int);
  sigset_t set_;
  sigset_t old_mask_;
};

TEST_SUITE("stream") {
  TEST_CASE("what is sent arrives, however it is cut on the way") {
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      const std::string text = digits(3'000'000);
      std::thread sender([&] {
        pair.left.send_all(bytes_of(text).first(10), soon(), true);
        pair.left.send_all(bytes_of(text).subspan(10), soon());
        pair.left.finish_sending();
      });
      CHECK(recv_text(pair.right) == text);
      sender.join();
    }
  }

  TEST_CASE("both directions move at the same time") {
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      CHECK(talk_both_ways(pair, digits(3'000'000)));
    }
  }

  TEST_CASE("the end of the stream is 0 bytes, and false only before the first of them") {
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      pair.left.send_all(bytes_of("abc"), soon());
      pair.left.finish_sending();
      std::byte two[2];
      CHECK(pair.right.recv_exact(two, soon()));
      CHECK_THROWS_WITH_AS(pair.right.recv_exact(two, soon()), "truncated got=1 expected=2",
                           ProtocolError);
      CHECK_FALSE(pair.right.recv_exact(two, soon()));
      CHECK(pair.right.recv_some(two, soon()) == 0);
      pair.right.send_all(bytes_of("still open"), soon());
      CHECK(recv_text(pair.left, 10) == "still open");
    }
  }

  TEST_CASE("a deadline in the past still takes what is there") {
    StreamPair pair = unix_stream_pair();
    pair.left.send_all(bytes_of("ab"), Clock::now() - seconds(1));
    std::byte two[2];
    CHECK(pair.right.recv_exact(two, Clock::now() - seconds(1)));
    CHECK_THROWS_AS(pair.right.recv_exact(two, Clock::now() - seconds(1)), TimeoutError);
  }

  TEST_CASE("a byte now and then does not move the deadline") {
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      std::atomic<bool> over{false};
      std::thread trickle([&] {
        while (!over) {
          pair.left.send_all(bytes_of("x"), soon());
          std::this_thread::sleep_for(milliseconds(5));
        }
      });
      std::vector<std::byte> buffer(1 << 20);
      const Deadline deadline = Clock::now() + 4 * kShort;
      CHECK_THROWS_WITH_AS(pair.right.recv_exact(buffer, deadline), "recv timed out", TimeoutError);
      CHECK(Clock::now() >= deadline);
      CHECK(Clock::now() < deadline + seconds(5));
      over = true;
      trickle.join();
    }
  }

  TEST_CASE("sending to one who reads a little now and then meets its deadline too") {
    const TempDir directory;
    const std::string text(16 << 20, 'x');
    const UniqueFd file = open_file(directory.write("file", text));
    for (const auto make : kAllKinds) {
      for (const bool from_file : {false, true}) {
        StreamPair pair = make(0);
        std::atomic<bool> over{false};
        std::thread reader([&] {
          std::byte little[512];
          while (!over) {
            pair.right.recv_some(little, soon());
            std::this_thread::sleep_for(milliseconds(5));
          }
        });
        const Deadline deadline = Clock::now() + 2 * kShort;
        const auto send = [&] {
          if (from_file) {
            pair.left.send_file(file.get(), 0, text.size(), deadline);
          } else {
            pair.left.send_all(bytes_of(text), deadline);
          }
        };
        CHECK_THROWS_WITH_AS(send(), "send timed out", TimeoutError);
        CHECK(Clock::now() >= deadline);
        over = true;
        pair.left.shutdown();
        reader.join();
      }
    }
  }

  TEST_CASE("shutdown() from another thread wakes a blocked receive") {
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      wake_from(
          [&] {
            std::byte byte;
            CHECK(pair.right.recv_some({&byte, 1}, soon()) == 0);
          },
          [&] { pair.right.shutdown(); });
      // The other side sees the end as well.
      CHECK(recv_text(pair.left) == "");
    }
  }

  TEST_CASE("after shutdown() nothing is received, whatever has arrived") {
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      const std::string text = digits(1 << 20);
      std::thread sender([&] {
        try {
          pair.right.send_all(bytes_of(text), soon());
        } catch (const std::system_error&) {  // it has been shut down meanwhile
        }
      });
      CHECK(recv_text(pair.left, 10) == text.substr(0, 10));
      Stream left = std::move(pair.left);
      left.shutdown();
      Stream again = std::move(left);
      std::size_t more = 0;
      try {
        more = recv_text(again).size();
      } catch (const ProtocolError&) {  // in TLS it has been cut off
      }
      // In TLS a few records have been taken from the socket already.
      CHECK(more <= (make == tls_stream_pair ? 64 << 10 : 0));
      sender.join();
    }
  }

  TEST_CASE("shutdown() from another thread wakes a blocked send") {
    const TempDir directory;
    const UniqueFd file = open_file(directory.write("file", std::string(1 << 20, 'x')));
    for (const auto make : kAllKinds) {
      for (const bool from_file : {false, true}) {
        StreamPair pair = make(0);
        fill(pair.left);
        wake_from(
            [&] {
              const HeldBackSigpipe sigpipe;
              try {
                if (from_file) {
                  pair.left.send_file(file.get(), 0, 1 << 20, soon());
                } else {
                  pair.left.send_all(bytes_of(std::string(1 << 20, 'x')), soon());
                }
                CHECK(false);
              } catch (const FileReadError&) {
                CHECK_MESSAGE(false, "the file is not at fault");
              } catch (const std::system_error& error) {
                CHECK(error.code() == std::errc::broken_pipe);
              }
            },
            [&] { pair.left.shutdown(); });
      }
    }
  }

  TEST_CASE("shutdown() from another thread wakes a blocked connect") {
    LoopbackListener listener;
    listener.shrink_backlog();
    // Two fit into the backlog of a listener that takes at most one; all others stay in SYN_SENT.
    std::vector<Stream> waiting;
    bool full = false;
    while (!full && waiting.size() < 16) {
      waiting.push_back(Stream::unconnected(listener.endpoint()));
      try {
        waiting.back().connect(listener.endpoint(), Clock::now() + kShort);
      } catch (const TimeoutError&) {
        full = true;
      }
    }
    REQUIRE(full);
    Stream stream = Stream::unconnected(listener.endpoint());
    const TimePoint from = Clock::now();
    wake_from(
        [&] {
          CHECK_THROWS_AS(stream.connect(listener.endpoint(), Clock::now() + seconds(20)),
                          std::system_error);
        },
        [&] { stream.shutdown(); });
    CHECK(Clock::now() - from < seconds(10));
  }

  TEST_CASE("a stream shut down before it connects has no conversation") {
    LoopbackListener listener;
    Stream stream = Stream::unconnected(listener.endpoint());
    stream.shutdown();
    try {
      stream.connect(listener.endpoint(), soon());
      CHECK(recv_text(stream) == "");
    } catch (const std::system_error&) {
    }
  }

  TEST_CASE("a connection refused names the endpoint") {
    const RefusingPort refusing;
    const Endpoint nobody = refusing.endpoint();
    Stream stream = Stream::unconnected(nobody);
    try {
      stream.connect(nobody, soon());
      CHECK(false);
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::connection_refused);
      CHECK(std::string(error.what()).find(nobody.to_string()) != std::string::npos);
    }
  }

  TEST_CASE("both ends know each other's endpoint, in both families") {
    for (const char* address : {"127.0.0.1:0", "[::1]:0"}) {
      LoopbackListener listener(*Endpoint::parse(address));
      Stream stream = Stream::unconnected(listener.endpoint());
      CHECK(stream.remote_endpoint() == Endpoint());
      stream.connect(listener.endpoint(), soon());
      Stream accepted = listener.accept();
      CHECK(stream.remote_endpoint() == listener.endpoint());
      CHECK(accepted.local_endpoint() == listener.endpoint());
      CHECK(accepted.remote_endpoint() == stream.local_endpoint());
    }
  }

  TEST_CASE("send_file sends the part asked for and leaves the file's position alone") {
    const TempDir directory;
    const std::string text = digits(3'000'000);
    const UniqueFd file = open_file(directory.write("file", text));
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      std::thread sender([&] {
        pair.left.send_file(file.get(), 5, 0, soon());
        pair.left.send_file(file.get(), 7, 2'500'000, soon());
        pair.left.send_file(file.get(), 0, text.size(), soon());
        pair.left.finish_sending();
      });
      CHECK(recv_text(pair.right) == text.substr(7, 2'500'000) + text);
      sender.join();
      CHECK(::lseek(file.get(), 0, SEEK_CUR) == 0);
    }
  }

  TEST_CASE("a file that is shorter than was promised is the file's fault") {
    const TempDir directory;
    const UniqueFd file = open_file(directory.write("file", "0123456789"));
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      CHECK_THROWS_AS(pair.left.send_file(file.get(), 4, 7, soon()), FileReadError);
      CHECK(recv_text(pair.right, 6) == "456789");
      CHECK_THROWS_AS(pair.left.send_file(file.get(), 10, 1, soon()), FileReadError);
      CHECK_THROWS_AS(pair.left.send_file(file.get(), 1 << 20, 1, soon()), FileReadError);
      CHECK_THROWS_AS(pair.left.send_file(-1, 0, 1, soon()), FileReadError);
      // The connection has taken no harm.
      pair.left.send_file(file.get(), 9, 1, soon());
      CHECK(recv_text(pair.right, 1) == "9");
    }
  }

  TEST_CASE("sending to one who has gone is an error and no signal") {
    const TempDir directory;
    const UniqueFd file = open_file(directory.write("file", std::string(1 << 20, 'x')));
    for (const auto make : kAllKinds) {
      for (const bool from_file : {false, true}) {
        const HeldBackSigpipe sigpipe;
        StreamPair pair = make(0);
        { const Stream gone = std::move(pair.right); }
        const auto send_much = [&] {
          for (int i = 0; i < 100; ++i) {
            if (from_file) {
              pair.left.send_file(file.get(), 0, 1 << 20, soon());
            } else {
              pair.left.send_all(bytes_of(std::string(1 << 20, 'x')), soon());
            }
          }
        };
        CHECK_THROWS_AS(send_much(), std::system_error);
        CHECK_THROWS_AS(send_much(), std::system_error);  // the first may have been a reset
        CHECK_FALSE(sigpipe.raised());
      }
    }
  }

  TEST_CASE("it shows since when the other side has taken nothing") {
    for (const auto make : {tcp_stream_pair, tls_stream_pair}) {
      StreamPair pair = make(0);
      pair.left.send_all(bytes_of("x"), soon());
      CHECK(pair.left.stalled_since() == kNoDeadline);
      const TimePoint before = Clock::now();
      fill(pair.left);
      CHECK(eventually([&] { return Clock::now() - pair.left.stalled_since() >= 2 * kShort; }));
      CHECK(pair.left.stalled_since() + kShort > before);
      // Once that is read, it goes on.
      std::thread reader([&] { recv_text(pair.right); });
      CHECK(eventually([&] { return pair.left.stalled_since() == kNoDeadline; }));
      pair.left.shutdown();
      reader.join();
    }
  }

  TEST_CASE(
      "it shows that the other side has left, and what it had sent is received all the same") {
    for (const auto make : kAllKinds) {
      StreamPair pair = make(0);
      CHECK_FALSE(pair.left.is_left());
      pair.right.send_all(bytes_of("last words"), soon());
      CHECK_FALSE(pair.left.is_left());
      pair.right.finish_sending();
      CHECK(eventually([&] { return pair.left.is_left(); }));
      CHECK(recv_text(pair.left) == "last words");
      CHECK_FALSE(pair.right.is_left());
    }
  }

  TEST_CASE("drain() waits for the other side's end, and no longer than it may") {
    StreamPair pair = tcp_stream_pair();
    std::thread other([&] {
      pair.right.send_all(bytes_of(std::string(1 << 20, 'x')), soon());
      pair.right.finish_sending();
    });
    pair.left.drain(soon());
    other.join();
    CHECK(recv_text(pair.left) == "");

    StreamPair silent = tcp_stream_pair();
    const Deadline deadline = Clock::now() + kShort;
    silent.left.drain(deadline);
    CHECK(Clock::now() >= deadline);
    CHECK(Clock::now() < deadline + seconds(5));
  }

  TEST_CASE("it tells whether the other side has taken all that was sent") {
    for (const auto make : {tcp_stream_pair, tls_stream_pair}) {
      // It reads to the end, and then ends too; or ends first.
      for (const bool ends_first : {false, true}) {
        StreamPair pair = make(0);
        if (ends_first) pair.right.finish_sending();
        std::thread other([&] {
          CHECK(recv_text(pair.right).size() == 1 << 20);
          pair.right.finish_sending();
        });
        pair.left.send_all(bytes_of(std::string(1 << 20, 'x')), soon());
        pair.left.finish_sending();
        CHECK(recv_text(pair.left) == "");
        CHECK(pair.left.is_all_taken(soon()));
        other.join();
      }
    }
  }

  TEST_CASE("one who had left before anything was sent has not taken it") {
    StreamPair pair = tcp_stream_pair();
    { const Stream gone = std::move(pair.right); }
    CHECK(recv_text(pair.left) == "");
    pair.left.send_all(bytes_of("nobody hears"), soon());
    pair.left.finish_sending();
    CHECK_THROWS_AS(pair.left.is_all_taken(soon()), std::system_error);
  }

  TEST_CASE(
      "one who neither reads nor leaves has not taken all, and is waited for no longer than "
      "a shutdown() or the deadline") {
    StreamPair pair = tcp_stream_pair(4096);
    pair.right.finish_sending();
    CHECK(recv_text(pair.left) == "");
    CHECK_THROWS_AS(pair.left.send_all(bytes_of(std::string(1 << 20, 'x')), Clock::now() + kShort),
                    TimeoutError);
    pair.left.finish_sending();
    CHECK_FALSE(pair.left.is_all_taken(Clock::now() + kShort));
    std::thread stopping([&] { pair.left.shutdown(); });
    CHECK_FALSE(pair.left.is_all_taken(soon()));
    stopping.join();
  }

  TEST_CASE("what was sent before shutdown() is still delivered") {
    StreamPair pair = tcp_stream_pair();
    pair.left.send_all(bytes_of("last words"), soon());
    pair.left.shutdown();
    CHECK(recv_text(pair.right) == "last words");
  }

  TEST_CASE("small buffers make a sender wait early") {
    StreamPair small = tcp_stream_pair();
    small.left.set_buffer_bytes(4096);
    small.right.set_buffer_bytes(4096);
    small.left.enable_tcp_keepalive();
    CHECK_THROWS_AS(small.left.send_all(bytes_of(std::string(1 << 20, 'x')), Clock::now() + kShort),
                    TimeoutError);
  }
}

}  // namespace
}  // namespace piecework
