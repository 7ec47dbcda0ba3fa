#include "common/tls_session.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "common/errors.h"
#include "common/frame.h"
#include "common/socket.h"
#include "tests/support/certificates.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_tls.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

using std::chrono::hours;

// Why `call` failed: the reason of a ProtocolError, or else its words. Empty when it did not.
std::string reason_of(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const ProtocolError& error) {
    return error.reason();
  } catch (const std::exception& error) {
    return error.what();
  }
}

struct Ends {
  UniqueFd ours;
  UniqueFd theirs;
};

Ends socket_ends(int buffer_bytes = 0) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  if (buffer_bytes > 0) {
    for (const int end : ends) set_buffer_bytes(end, buffer_bytes);
  }
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string text_of_length(std::size_t length) {
  std::string text;
  while (text.size() < length) text += std::to_string(text.size()) + ",";
  return text.substr(0, length);
}

TEST_SUITE("tls_session") {
  TEST_CASE("who may not take part is refused, each for a reason of its own") {
    const TestCa ca;
    const TestCa other("other");
    const auto self = TlsContext::load(ca.host("self"));
    using Version = RawTls::Version;
    const struct {
      std::string reason;
      TlsFiles shows;
      Version version;
      bool both_roles;
    } kTable[] = {
        {"tls_no_certificate", {}, Version::k13, false},
        {"tls_unknown_ca", other.host("stranger"), Version::k13, true},
        {"tls_certificate_expired", ca.host("old", {hours(-2), hours(-1), nullptr}), Version::k13,
         true},
        {"tls_certificate_not_yet_valid", ca.host("early", {hours(1), hours(2), nullptr}),
         Version::k13, true},
        {"tls_certificate_purpose", ca.host("mail", {hours(-1), hours(1), "emailProtection"}),
         Version::k13, true},
        {"tls_version", ca.host("ancient"), Version::k12, true},
    };
    for (const auto& row : kTable) {
      for (const bool we_accept : {true, false}) {
        if (!we_accept && !row.both_roles) continue;
        CAPTURE(row.reason);
        CAPTURE(we_accept);
        Ends ends = socket_ends();
        std::thread stranger([&] {
          RawTls raw(std::move(ends.theirs),
                     we_accept ? RawTls::Role::kConnects : RawTls::Role::kAccepts, row.shows,
                     row.version);
          raw.listen();
        });
        Stream stream(std::move(ends.ours));
        CHECK(reason_of([&] {
                if (we_accept) {
                  stream.accept_tls(*self, soon());
                } else {
                  stream.connect_tls(*self, soon());
                }
              }) == row.reason);
        stream.shutdown();
        stranger.join();
      }
    }
  }

  TEST_CASE("who is refused learns of it, at the latest when it receives") {
    const TestCa ca;
    const TestCa other("other");
    const auto self = TlsContext::load(ca.host("self"));
    TlsFiles files = other.host("stranger");
    files.ca = ca.write("both.crt", ca.pem() + other.pem());  // takes ours, which does not take its
    const auto stranger = TlsContext::load(files);
    for (const bool stranger_accepts : {true, false}) {
      StreamPair pair = tcp_stream_pair();
      std::thread there([&] {
        CHECK(reason_of([&] {
                if (stranger_accepts) {
                  pair.right.accept_tls(*stranger, soon());
                } else {
                  pair.right.connect_tls(*stranger, soon());
                  pair.right.send_all(bytes_of("first words"), soon());
                  recv_text(pair.right);
                }
              }) == "tls_refused_by_peer");
        pair.right.shutdown();
      });
      CHECK(reason_of([&] {
              if (stranger_accepts) {
                pair.left.connect_tls(*self, soon());
              } else {
                pair.left.accept_tls(*self, soon());
              }
            }) == "tls_unknown_ca");
      there.join();
    }
  }

  TEST_CASE("one who speaks in the clear is told apart, and learns that TLS is wanted") {
    StreamPair pair = tcp_stream_pair();
    std::thread plain([&] {
      send_frame(pair.left, bytes_of("hello"), soon());
      CHECK(reason_of([&] { recv_frame(pair.left, 100, soon()); }) == "tls_required");
      pair.left.shutdown();
    });
    CHECK(reason_of([&] { pair.right.accept_tls(test_tls(), soon()); }) == "not_tls");
    plain.join();
  }

  TEST_CASE("one who says nothing meets the deadline, and learns that TLS is wanted") {
    StreamPair pair = tcp_stream_pair();
    const Deadline deadline = Clock::now() + milliseconds(50);
    CHECK_THROWS_AS(pair.right.accept_tls(test_tls(), deadline), TimeoutError);
    CHECK(Clock::now() >= deadline);
    CHECK(reason_of([&] { recv_frame(pair.left, 100, soon()); }) == "tls_required");
  }

  TEST_CASE("one who wants TLS of a side without it is told apart as well") {
    StreamPair pair = tcp_stream_pair();
    std::thread wants([&] {
      CHECK(reason_of([&] { pair.left.connect_tls(test_tls(), soon()); }) == "tls_unanswered");
    });
    CHECK(reason_of([&] { recv_frame(pair.right, 100, soon()); }) == "tls_not_configured");
    { const Stream gone = std::move(pair.right); }
    wants.join();
  }

  TEST_CASE("a server that speaks first, and in the clear, is no TLS") {
    StreamPair pair = tcp_stream_pair();
    send_frame(pair.right, bytes_of("a file"), soon());
    std::thread served([&] {
      pair.right.drain(soon());
      pair.right.shutdown();
    });
    std::thread client([&] {
      CHECK(reason_of([&] { pair.left.connect_tls(test_tls(), soon()); }) == "not_tls");
      pair.left.shutdown();
    });
    client.join();
    served.join();
  }

  TEST_CASE("one who goes before its first word leaves no reason behind") {
    StreamPair pair = tcp_stream_pair();
    pair.left.shutdown();
    CHECK_FALSE(pair.right.accept_tls(test_tls(), soon()));
  }

  TEST_CASE("what is no TLS record, or a broken one, ends the handshake with a reason") {
    const struct {
      std::string hex;
      std::string reason;
    } kTable[] = {
        {"00", "not_tls"},                                // a frame
        {"474554202f20485454502f312e310d0a", "not_tls"},  // HTTP
        {"13030300020000", "not_tls"},                    // a type below those of TLS
        {"18030300020000", "not_tls"},                    // above
        {"16", "tls_failed"},                             // cut off
        {"160301", "tls_failed"},
        {"16030100050100000101", "tls_failed"},  // a hello that is too short
        {"1603010000", "tls_failed"},            // an empty record
        {"160301ffff", "tls_failed"},            // longer than a record may be
        {"16030100040100ffff", "tls_failed"},    // a hello cut off within
        {"16030100040e000000", "tls_failed"},    // not a hello
        {"160901000401000000", "tls_version"},   // no such version
        {"17030300050102030405", "tls_failed"},  // data before all else
        {"15030300020228", "tls_failed"},        // an alert
        {"150303000101", "tls_failed"},          // a short one
    };
    for (const auto& row : kTable) {
      CAPTURE(row.hex);
      StreamPair pair = unix_stream_pair();
      pair.left.send_all(bytes_of(from_hex(row.hex)), soon());
      pair.left.finish_sending();
      CHECK(reason_of([&] { pair.right.accept_tls(test_tls(), soon()); }) == row.reason);
    }
  }

  TEST_CASE("what is not encrypted ends a session, and every call says so from then on") {
    Ends ends = socket_ends();
    const UniqueFd raw(::dup(ends.theirs.get()));
    StreamPair pair{Stream(std::move(ends.ours)), Stream(std::move(ends.theirs))};
    std::thread accepts([&] { pair.right.accept_tls(test_tls(), soon()); });
    pair.left.connect_tls(test_tls(), soon());
    accepts.join();
    pair.right.send_all(bytes_of("good"), soon());
    const std::string record = from_hex("1703030020") + std::string(32, 'x');
    REQUIRE(::send(raw.get(), record.data(), record.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(record.size()));
    CHECK(recv_text(pair.left, 4) == "good");
    CHECK(reason_of([&] { recv_text(pair.left); }) == "tls_failed");
    CHECK(reason_of([&] { recv_text(pair.left); }) == "tls_failed");
    CHECK(reason_of([&] { pair.left.send_all(bytes_of("x"), soon()); }) == "tls_failed");
    CHECK(reason_of([&] { recv_text(pair.right); }) == "tls_refused_by_peer");
  }

  TEST_CASE("keys are replaced on the way, in both directions at once") {
    const TestCa ca;
    const auto context = TlsContext::load(ca.host("host"), 100'000);
    StreamPair pair = tcp_stream_pair();
    std::thread accepts([&] { CHECK(pair.right.accept_tls(*context, soon())); });
    pair.left.connect_tls(*context, soon());
    accepts.join();
    CHECK(talk_both_ways(pair, text_of_length(3'000'000)));
  }

  TEST_CASE("two who send to each other more than the sockets hold both get through") {
    StreamPair pair = tls_stream_pair(8 << 10);
    CHECK(talk_both_ways(pair, text_of_length(2'000'000)));
  }

  TEST_CASE("one who asks for answers and takes none is not answered without bound") {
    Ends ends = socket_ends(4096);
    std::thread greedy([&] {
      RawTls raw(std::move(ends.theirs), RawTls::Role::kConnects, test_tls().files());
      raw.ask_for_keys_for_ever();
    });
    Stream stream(std::move(ends.ours));
    REQUIRE(stream.accept_tls(test_tls(), soon()));
    CHECK(reason_of([&] { recv_text(stream); }) == "tls_failed");
    stream.shutdown();
    greedy.join();
  }

  TEST_CASE("what is to be followed by more waits for it, or for the end") {
    StreamPair pair = tls_stream_pair();
    pair.left.send_all(bytes_of("head,"), soon(), true);
    std::byte some[16];
    CHECK_FALSE(pair.right.try_recv_some(some, Clock::now()));
    pair.left.send_all(bytes_of("body"), soon());
    CHECK(recv_text(pair.right, 9) == "head,body");
    pair.left.send_all(bytes_of("last,"), soon(), true);
    pair.left.finish_sending();
    CHECK(recv_text(pair.right) == "last,");
  }

  TEST_CASE("shutdown() in the middle of everything ends all of it") {
    std::minstd_rand random(7);
    const TestCa ca;
    const auto context = TlsContext::load(ca.host("host"), 50'000);
    for (int round = 0; round < 10; ++round) {
      StreamPair pair = tcp_stream_pair();
      std::thread accepts([&] { CHECK(pair.right.accept_tls(*context, soon())); });
      pair.left.connect_tls(*context, soon());
      accepts.join();
      std::atomic<std::size_t> moved = 0;
      const std::size_t enough = 1 + random() % 2'000'000;
      std::vector<std::thread> threads;
      for (Stream* stream : {&pair.left, &pair.right}) {
        threads.emplace_back([stream] {
          const std::string chunk(50'000, 'x');
          reason_of([&] {
            while (true) stream->send_all(bytes_of(chunk), soon());
          });
        });
        threads.emplace_back([stream, &moved] {
          std::vector<std::byte> buffer(30'000);
          reason_of([&] {
            while (stream->recv_exact(buffer, soon())) moved += buffer.size();
          });
        });
      }
      CHECK(eventually([&] { return moved >= enough; }));
      (round % 2 == 0 ? pair.left : pair.right).shutdown();
      for (std::thread& thread : threads) thread.join();
    }
  }
}

}  // namespace
}  // namespace piecework
