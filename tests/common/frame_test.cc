#include "common/frame.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <thread>

#include "common/byte_order.h"
#include "common/errors.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

constexpr std::uint64_t kMax64 = std::numeric_limits<std::uint64_t>::max();
constexpr milliseconds kShort{50};

std::string header(std::uint64_t length) {
  return text_of(encode_frame_header(length));
}

void send(Stream& stream, std::string_view bytes) {
  stream.send_all(bytes_of(bytes), soon());
}

// What comes of `bytes` and the end of the stream behind them: a body, "nothing", or the error.
std::string received(std::string_view bytes, std::uint64_t limit) {
  StreamPair pair = unix_stream_pair();
  send(pair.left, bytes);
  pair.left.finish_sending();
  try {
    const auto body = recv_frame(pair.right, limit, soon());
    return body ? "body " + text_of(*body) : "nothing";
  } catch (const ProtocolError& error) {
    return error.what();
  }
}

TEST_SUITE("frame") {
  TEST_CASE("a header is the length in 8 bytes, big-endian") {
    CHECK(header(0) == from_hex("0000000000000000"));
    CHECK(header(5) == from_hex("0000000000000005"));
    CHECK(header(0x0102030405060708) == from_hex("0102030405060708"));
    CHECK(header(std::uint64_t{1} << 63) == from_hex("8000000000000000"));
    CHECK(header(kMax64) == from_hex("ffffffffffffffff"));
  }

  TEST_CASE("frames come back whole and in order, over both kinds of socket") {
    for (const auto make : {unix_stream_pair, tcp_stream_pair}) {
      StreamPair pair = make(0);
      const std::string big(100'000, 'x');
      std::thread sender([&] {
        for (const std::string_view body : {std::string_view("hello"), std::string_view(),
                                            std::string_view(big), std::string_view("a\0b", 3)}) {
          send_frame(pair.left, bytes_of(body), soon());
        }
        pair.left.finish_sending();
      });
      CHECK(recv_text_frame(pair.right, 5, soon()) == "hello");
      CHECK(recv_text_frame(pair.right, 0, soon()) == "");
      CHECK(recv_text_frame(pair.right, big.size(), soon()) == big);
      CHECK(text_of(*recv_frame(pair.right, 3, soon())) == std::string("a\0b", 3));
      CHECK_FALSE(recv_frame(pair.right, 3, soon()));
      CHECK_FALSE(recv_text_frame(pair.right, 3, soon()));
      sender.join();
    }
  }

  TEST_CASE("a text frame is the header and the text, and nothing else") {
    StreamPair pair = unix_stream_pair();
    send_text_frame(pair.left, "{}", soon());
    send_text_frame(pair.left, "", soon());
    pair.left.finish_sending();
    CHECK(recv_text(pair.right) == from_hex("0000000000000002 7b7d 0000000000000000"));
  }

  TEST_CASE("a frame cut anywhere inside is truncated, one cut before is nothing") {
    const std::string whole = header(6) + "abcdef";
    CHECK(received("", 6) == "nothing");
    for (std::size_t cut = 1; cut < kFrameHeaderBytes; ++cut) {
      CHECK(received(whole.substr(0, cut), 6) ==
            "truncated got=" + std::to_string(cut) + " expected=8");
    }
    for (std::size_t cut = kFrameHeaderBytes; cut < whole.size(); ++cut) {
      CHECK(received(whole.substr(0, cut), 6) ==
            "truncated got=" + std::to_string(cut - kFrameHeaderBytes) + " expected=6");
    }
    CHECK(received(whole, 6) == "body abcdef");
    CHECK(received(whole + "garbage", 6) == "body abcdef");
    CHECK(received(header(0), 6) == "body ");
  }

  TEST_CASE("TLS on one side only is no frame, and is called by its name") {
    CHECK(received(from_hex("160301020001000100"), 100) == "tls_not_configured");
    CHECK(received(from_hex("15030300020246"), 100) == "tls_required");
    CHECK(received(from_hex("1503"), 100) == "tls_required");
    CHECK(received(from_hex("15"), 100) == "truncated got=1 expected=8");
    CHECK(received(from_hex("16030102000100"), 100) == "truncated got=7 expected=8");
  }

  TEST_CASE("every changed bit of a header over the limit is refused with both numbers") {
    for (int bit = 3; bit < 64; ++bit) {
      const std::uint64_t length = (std::uint64_t{1} << bit) | 5;
      CHECK(received(header(length) + "abcde", 7) ==
            "frame_too_large length=" + std::to_string(length) + " limit=7");
    }
    CHECK(received(header(kMax64), kMax64 - 1) ==
          "frame_too_large length=18446744073709551615 limit=18446744073709551614");
    CHECK(received(header(8), 7) == "frame_too_large length=8 limit=7");
    CHECK(received(header(7) + "abcdefg", 7) == "body abcdefg");
    CHECK(received(header(1), 0) == "frame_too_large length=1 limit=0");
  }

  TEST_CASE("a length over the limit is refused before a byte of the body is taken") {
    StreamPair pair = unix_stream_pair();
    send(pair.left, header(kMax64) + "body");  // 2^64-1 bytes could not be allocated either
    CHECK_THROWS_AS(recv_frame(pair.right, 1 << 20, soon()), ProtocolError);
    CHECK(recv_text(pair.right, 4) == "body");
    send(pair.left, header(kMax64) + "body");
    CHECK_THROWS_AS(recv_text_frame(pair.right, 1 << 20, soon()), ProtocolError);
    CHECK(recv_text(pair.right, 4) == "body");
  }

  TEST_CASE("a header alone may say any 64-bit length that the limit allows") {
    for (const std::uint64_t length :
         {std::uint64_t{0}, std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63,
          kMax64 - 1, kMax64}) {
      StreamPair pair = unix_stream_pair();
      send(pair.left, header(length));
      CHECK(recv_frame_header(pair.right, kMax64, soon()) == length);
    }
  }

  TEST_CASE("a body of no bytes is there even at the end of the stream, any other is truncated") {
    StreamPair pair = unix_stream_pair();
    pair.left.finish_sending();
    std::byte buffer[3];
    recv_body(pair.right, {}, soon());
    CHECK_THROWS_WITH_AS(recv_body(pair.right, buffer, soon()), "truncated got=0 expected=3",
                         ProtocolError);
  }

  TEST_CASE("the deadline holds in the header and in the body") {
    const std::string whole = header(6) + "abcdef";
    for (const std::size_t sent : {0U, 1U, 7U, 8U, 13U}) {
      CAPTURE(sent);
      StreamPair pair = unix_stream_pair();
      send(pair.left, whole.substr(0, sent));
      const Deadline deadline = Clock::now() + kShort;
      CHECK_THROWS_AS(recv_frame(pair.right, 6, deadline), TimeoutError);
      CHECK(Clock::now() >= deadline);
    }
  }

  TEST_CASE("sending to one who does not read meets its deadline") {
    StreamPair pair = unix_stream_pair();
    const std::string big(8 << 20, 'x');
    CHECK_THROWS_AS(send_frame(pair.left, bytes_of(big), Clock::now() + kShort), TimeoutError);
  }
}

}  // namespace
}  // namespace piecework
