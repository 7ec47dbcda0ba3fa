#include "peer/handshake.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <thread>

#include "common/errors.h"
#include "common/messages.h"
#include "tests/support/eventually.h"
#include "tests/support/json_members.h"
#include "tests/support/pieces.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

const std::string kHash(64, 'a');

Greeting some_greeting() {
  return {.info_hash = *InfoHash::parse_hex(kHash),
          .peer_id = "0123456789abcdef",
          .port = 5555,
          .connection = 3,
          .requests = 17,
          .agent = "piecework/0.1",
          .features = {"one", "two"}};
}

// What comes of `bytes` and the end of the stream: the pieces and the greeting, or the error.
std::string received(std::string_view bytes, std::uint32_t max_pieces = 4) {
  StreamPair pair = unix_stream_pair();
  pair.left.send_all(bytes_of(bytes), soon());
  pair.left.finish_sending();
  try {
    const auto first = recv_first_frame(pair.right, max_pieces, soon());
    if (!first) return "nothing";
    return to_text(first->pieces) + (first->greeting ? " " + first->greeting->peer_id : "");
  } catch (const ProtocolError& error) {
    return error.what();
  }
}

std::string frame(std::string_view pieces_text, const Greeting* greeting = nullptr) {
  return text_of(encode_first_frame(pieces(pieces_text), greeting));
}

// A Bitfield frame of "1001" with that text behind it.
std::string frame_with(const std::string& tail) {
  const auto header = encode_frame_header(9 + tail.size());
  return text_of(header) + from_hex("00000005 05 01000001") + tail;
}

// A good greeting with `key` changed to `value`, or without it when `value` is empty.
std::string greeting_json(std::string_view key, std::string_view value) {
  return json_with({{"info_hash", '"' + kHash + '"'},
                    {"peer_id", "\"x\""},
                    {"port", "1"},
                    {"connection", "0"},
                    {"requests", "256"},
                    {"agent", "\"a\""},
                    {"features", "[]"}},
                   key, value);
}

TEST_SUITE("handshake") {
  TEST_CASE("without a greeting the frame is an original's, to the byte") {
    CHECK(frame("1001") == from_hex("0000000000000009 00000005 05 01000001"));
    CHECK(frame("") == from_hex("0000000000000005 00000001 05"));
    CHECK(received(frame("1001")) == "1001");
    CHECK(received(frame("")) == "");
  }

  TEST_CASE("the greeting fills the rest of the frame behind the message") {
    const Greeting greeting = some_greeting();
    const std::string json = format_greeting(greeting);
    CHECK(frame("1001", &greeting) == frame_with(json));
    CHECK(received(frame("1001", &greeting)) == "1001 0123456789abcdef");
    CHECK(received(frame("", &greeting)) == " 0123456789abcdef");
  }

  TEST_CASE("a greeting is read back as it was") {
    const Greeting greeting = some_greeting();
    const Greeting read = parse_greeting(format_greeting(greeting));
    CHECK(read.info_hash == greeting.info_hash);
    CHECK(read.peer_id == greeting.peer_id);
    CHECK(read.port == greeting.port);
    CHECK(read.connection == greeting.connection);
    CHECK(read.requests == greeting.requests);
    CHECK(read.agent == greeting.agent);
    CHECK(read.features == greeting.features);
  }

  TEST_CASE("agent and features may be missing, and unknown keys are ignored") {
    CHECK(parse_greeting(greeting_json("agent", "")).agent.empty());
    CHECK(parse_greeting(greeting_json("features", "")).features.empty());
    CHECK(parse_greeting(greeting_json("features", "[], \"new\": {\"a\": [1]}")).port == 1);
    CHECK(parse_greeting(greeting_json("port", "0")).port == 0);
    CHECK(parse_greeting(greeting_json("peer_id", "\"a b\"")).peer_id == "a b");
    CHECK(parse_greeting(greeting_json("port", "65535")).port == 65535);
  }

  TEST_CASE("a bad greeting is refused naming the key") {
    const struct {
      std::string key;
      std::string value;
    } kCases[] = {
        {"info_hash", ""},
        {"info_hash", "1"},
        {"info_hash", "\"\""},
        {"info_hash", '"' + kHash.substr(1) + '"'},
        {"info_hash", '"' + kHash + "a\""},
        {"info_hash", "\"g" + kHash.substr(1) + '"'},
        {"peer_id", ""},
        {"peer_id", "7"},
        {"peer_id", "\"\""},
        {"peer_id", R"("a\n")"},
        {"peer_id", "\"\xc3\xa4\""},
        {"peer_id", '"' + std::string(65, 'x') + '"'},
        {"port", ""},
        {"port", "-1"},
        {"port", "65536"},
        {"port", "1.5"},
        {"port", "\"1\""},
        {"connection", ""},
        {"connection", "-1"},
        {"connection", "256"},
        {"requests", ""},
        {"requests", "0"},
        {"requests", "1048577"},
        {"requests", "18446744073709551616"},
        {"agent", "1"},
        {"features", "1"},
        {"features", "[1]"},
        {"features", "[], \"port\": 1"},
    };
    for (const auto& c : kCases) {
      const std::string json = greeting_json(c.key, c.value);
      CAPTURE(json);
      try {
        parse_greeting(json);
        CHECK(false);
      } catch (const ProtocolError& error) {
        CHECK(error.reason() == "bad_greeting");
        const std::string named = c.value.find("\"port\"") == std::string::npos ? c.key : "port";
        CHECK(std::string(error.what()).find(named) != std::string::npos);
      }
    }
    for (const std::string& text :
         {std::string(), std::string("{"), std::string("[]"), std::string("null"),
          std::string("\xff"), greeting_json("", "") + "x", greeting_json("", "") + '\0',
          std::string(100, '[')}) {
      CHECK_THROWS_AS(parse_greeting(text), ProtocolError);
    }
  }

  TEST_CASE("a first frame that is none is refused with its reason") {
    const struct {
      const char* what;
      std::string bytes;
      std::string error;
    } kCases[] = {
        {"nothing", "", "nothing"},
        {"a parting word", from_hex("0000000000000005 00000001 0a"), "nothing"},
        {"KeepAlive", from_hex("0000000000000004 00000000"), "bitfield_expected got=KeepAlive"},
        {"Interested", from_hex("0000000000000005 00000001 02"),
         "bitfield_expected got=Interested"},
        {"a Piece", from_hex("000000000000000e 0000000a 07 00000001 68656c6c6f"),
         "bitfield_expected got=Piece"},
        {"an unknown id", from_hex("0000000000000005 00000001 09"), "unknown_message id=9"},
        {"an empty frame", from_hex("0000000000000000"), "empty_frame length=0"},
        {"one piece too many", frame("10010"), "bitfield_length pieces=5"},
        {"many pieces too many", frame(std::string(4 + 4096, '0')), "bitfield_length pieces=4100"},
        {"over the limit", frame(std::string(4 + 4097, '0')),
         "frame_too_large length=4106 limit=4105"},
        {"huge", from_hex("ffffffffffffffff"),
         "frame_too_large length=18446744073709551615 limit=4105"},
        {"a byte above 1", from_hex("0000000000000009 00000005 05 01000200"),
         "bad_bitfield piece=2 byte=2"},
        {"an empty greeting's garbage", frame_with("x"), "bad_greeting"},
        {"a greeting over the bound", frame_with(std::string(4097, ' ')),
         "frame_too_large length=4106 limit=4105"},
        {"a greeting over the bound, few pieces",
         text_of(encode_frame_header(4102)) + from_hex("00000001 05") + std::string(4097, ' '),
         "greeting_too_large length=4097 limit=4096"},
        {"the end inside the pieces", frame("1001").substr(0, 15), "truncated got=2 expected=4"},
        {"the end inside the greeting", frame_with("{\"in").substr(0, 19),
         "truncated got=2 expected=4"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.what);
      CHECK(received(c.bytes).substr(0, c.error.size()) == c.error);
    }
  }

  TEST_CASE("all of the first frame must come before the deadline") {
    const Greeting greeting = some_greeting();
    const std::string whole = frame("1001", &greeting);
    for (const std::size_t sent : {0U, 7U, 8U, 11U, 12U, 13U, 14U, 17U, 18U, 40U}) {
      CAPTURE(sent);
      StreamPair pair = unix_stream_pair();
      pair.left.send_all(bytes_of(whole).first(sent), soon());
      const Deadline deadline = Clock::now() + milliseconds(30);
      CHECK_THROWS_AS(recv_first_frame(pair.right, 4, deadline), TimeoutError);
      CHECK(Clock::now() >= deadline);
      CHECK(Clock::now() < deadline + seconds(10));
    }
  }

  TEST_CASE("what follows the first frame is left on the stream") {
    StreamPair pair = unix_stream_pair();
    const Greeting greeting = some_greeting();
    pair.left.send_all(bytes_of(frame("1001", &greeting) + "next"), soon());
    CHECK(recv_first_frame(pair.right, 4, soon())->greeting);
    CHECK(recv_text(pair.right, 4) == "next");
  }

  TEST_CASE("every run of a daemon has another name") {
    std::set<PeerId> ids;
    for (int i = 0; i < 100; ++i) {
      const PeerId id = make_peer_id();
      CHECK(id.size() == 32);
      CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
      CHECK(ids.insert(id).second);
    }
  }
}

}  // namespace
}  // namespace piecework::peer
