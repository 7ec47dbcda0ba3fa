#include "common/messages.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "common/errors.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework {
namespace {

constexpr std::uint64_t kLimit = 10'000;

std::string encoded(const EncodedMessage& message) {
  return text_of(message.bytes());
}

Stream stream_with(StreamPair& pair, std::string_view bytes) {
  pair.left.send_all(bytes_of(bytes), soon());
  pair.left.finish_sending();
  return std::move(pair.right);
}

// What comes of `hex` and the end of the stream: "id payload greeting", "nothing", or the error.
std::string received(std::string_view hex, std::uint64_t limit = kLimit) {
  StreamPair pair = unix_stream_pair();
  Stream stream = stream_with(pair, from_hex(hex));
  try {
    const auto head = recv_message_head(stream, limit, soon());
    if (!head) return "nothing";
    const std::string_view name = head->id ? message_name(*head->id) : "KeepAlive";
    return std::string(name) + " " + std::to_string(head->payload_bytes) + " " +
           std::to_string(head->greeting_bytes);
  } catch (const ProtocolError& error) {
    return error.what();
  }
}

TEST_SUITE("messages") {
  TEST_CASE("the frames of the protocol's table, to the byte") {
    using M = EncodedMessage;
    CHECK(encoded(M::keep_alive()) == from_hex("0000000000000004 00000000"));
    CHECK(encoded(M::plain(MessageId::kChoke)) == from_hex("0000000000000005 00000001 00"));
    CHECK(encoded(M::plain(MessageId::kUnChoke)) == from_hex("0000000000000005 00000001 01"));
    CHECK(encoded(M::plain(MessageId::kInterested)) == from_hex("0000000000000005 00000001 02"));
    CHECK(encoded(M::plain(MessageId::kUnInterested)) == from_hex("0000000000000005 00000001 03"));
    CHECK(encoded(M::indexed(MessageId::kHave, PieceIndex(3))) ==
          from_hex("0000000000000009 00000005 04 00000003"));
    CHECK(encoded(M::indexed(MessageId::kRequest, PieceIndex(258))) ==
          from_hex("0000000000000009 00000005 06 00000102"));
    CHECK(encoded(M::piece_head(PieceIndex(1), 5)) + "hello" ==
          from_hex("000000000000000e 0000000a 07 00000001 68656c6c6f"));
    CHECK(encoded(M::plain(MessageId::kServerClose)) == from_hex("0000000000000005 00000001 0a"));
  }

  TEST_CASE("the frames of the protocol's table are understood") {
    CHECK(received("0000000000000004 00000000") == "KeepAlive 0 0");
    CHECK(received("0000000000000005 00000001 00") == "Choke 0 0");
    CHECK(received("0000000000000005 00000001 01") == "UnChoke 0 0");
    CHECK(received("0000000000000005 00000001 02") == "Interested 0 0");
    CHECK(received("0000000000000005 00000001 03") == "UnInterested 0 0");
    CHECK(received("0000000000000009 00000005 04 00000003") == "Have 4 0");
    CHECK(received("0000000000000009 00000005 05 01000001") == "Bitfield 4 0");
    CHECK(received("0000000000000009 00000005 06 00000102") == "Request 4 0");
    CHECK(received("000000000000000e 0000000a 07 00000001 68656c6c6f") == "Piece 9 0");
    CHECK(received("0000000000000005 00000001 0a") == "ServerClose 0 0");
    CHECK(received("0000000000000009 00000005 08 00000102") == "Cancel 4 0");
    CHECK(received("0000000000000009 00000005 0d 00000102") == "Suggest 4 0");
    CHECK(received("") == "nothing");
  }

  TEST_CASE("a Bitfield may have no pieces, and only it a greeting behind it") {
    CHECK(received("0000000000000005 00000001 05") == "Bitfield 0 0");
    CHECK(received("0000000000000007 00000001 05 7b7d") == "Bitfield 0 2");
    CHECK(received("000000000000000b 00000005 05 01000001 7b7d") == "Bitfield 4 2");
    CHECK(received("0000000000001005 00000001 05") == "Bitfield 0 4096");
  }

  TEST_CASE("bad input is refused with its reason") {
    const struct {
      const char* what;
      const char* hex;
      const char* error;
    } kCases[] = {
        {"an empty frame", "0000000000000000", "empty_frame length=0"},
        {"a frame too short for a length", "0000000000000003 000000", "empty_frame length=3"},
        {"a length and no id", "0000000000000004 00000001", "wrong_length frame=4 message=1"},
        {"a length beyond the frame", "0000000000000005 00000002 02",
         "wrong_length frame=5 message=2"},
        {"a length of -1", "0000000000000005 ffffffff 02",
         "wrong_length frame=5 message=4294967295"},
        {"a length of 2^31", "0000000000000005 80000000 02",
         "wrong_length frame=5 message=2147483648"},
        {"a length of 0 with an id", "0000000000000005 00000000 02",
         "wrong_length frame=5 message=0"},
        {"trailing bytes", "0000000000000006 00000001 02 00",
         "wrong_length message=Interested frame=6 length=1"},
        {"trailing bytes behind a piece", "000000000000000f 0000000a 07 00000001 68656c6c6f 00",
         "wrong_length message=Piece frame=15 length=10"},
        {"an unknown id", "0000000000000005 00000001 09", "unknown_message id=9"},
        {"an unknown id with a payload", "0000000000000009 00000005 09 00000000",
         "unknown_message id=9"},
        {"an unknown id between known ones", "0000000000000005 00000001 0b",
         "unknown_message id=11"},
        {"the id after the last", "0000000000000005 00000001 0e", "unknown_message id=14"},
        {"the largest id", "0000000000000005 00000001 ff", "unknown_message id=255"},
        {"a payload where none belongs", "0000000000000006 00000002 00 00",
         "wrong_payload message=Choke bytes=1"},
        {"a ServerClose with a payload", "0000000000000009 00000005 0a 00000000",
         "wrong_payload message=ServerClose bytes=4"},
        {"a Have without an index", "0000000000000005 00000001 04",
         "wrong_payload message=Have bytes=0"},
        {"a Have with half an index", "0000000000000007 00000003 04 0000",
         "wrong_payload message=Have bytes=2"},
        {"a Request with too much", "000000000000000a 00000006 06 00000000 00",
         "wrong_payload message=Request bytes=5"},
        {"a Cancel without an index", "0000000000000005 00000001 08",
         "wrong_payload message=Cancel bytes=0"},
        {"a Suggest with too much", "000000000000000a 00000006 0d 00000000 00",
         "wrong_payload message=Suggest bytes=5"},
        {"a Piece without an index", "0000000000000005 00000001 07",
         "wrong_payload message=Piece bytes=0"},
        {"a Piece without data", "0000000000000009 00000005 07 00000000",
         "wrong_payload message=Piece bytes=4"},
        {"a greeting over the bound", "0000000000001006 00000001 05",
         "greeting_too_large length=4097 limit=4096"},
        {"a frame over the limit", "0000000000002711 0000270d 07",
         "frame_too_large length=10001 limit=10000"},
        {"the hugest frame", "ffffffffffffffff ffffffff 07",
         "frame_too_large length=18446744073709551615 limit=10000"},
        {"the end inside the header", "00000000000000", "truncated got=7 expected=8"},
        {"the end behind the header", "0000000000000005", "truncated got=0 expected=5"},
        {"the end inside the length", "0000000000000004 000000", "truncated got=3 expected=4"},
        {"the end before the id", "0000000000000005 00000001", "truncated got=4 expected=5"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.what);
      CHECK(received(c.hex) == c.error);
    }
  }

  TEST_CASE("a head takes no byte of what follows it") {
    StreamPair pair = unix_stream_pair();
    Stream stream = stream_with(pair, from_hex("000000000000000e 0000000a 07 00000001") + "hello" +
                                          encoded(EncodedMessage::keep_alive()));
    const auto head = recv_message_head(stream, kLimit, soon());
    CHECK(head->id == MessageId::kPiece);
    CHECK(recv_piece_index(stream, PieceLayout(10, 5), soon()) == PieceIndex(1));
    CHECK(recv_text(stream, 5) == "hello");
    CHECK_FALSE(recv_message_head(stream, kLimit, soon())->id);
    CHECK_FALSE(recv_message_head(stream, kLimit, soon()));
  }

  TEST_CASE("an index must be one of the torrent's") {
    const PieceLayout layout(10, 3);  // 4 pieces
    const auto index = [&](const char* hex) -> std::string {
      StreamPair pair = unix_stream_pair();
      Stream stream = stream_with(pair, from_hex(hex));
      try {
        return std::to_string(recv_piece_index(stream, layout, soon()).value());
      } catch (const ProtocolError& error) {
        return error.what();
      }
    };
    CHECK(index("00000000") == "0");
    CHECK(index("00000003") == "3");
    CHECK(index("00000004") == "piece_out_of_range piece=4 pieces=4");
    CHECK(index("ffffffff") == "piece_out_of_range piece=4294967295 pieces=4");
    CHECK(index("80000000") == "piece_out_of_range piece=2147483648 pieces=4");
    CHECK(index("000000") == "truncated got=3 expected=4");
    CHECK(index("") == "truncated got=0 expected=4");
  }

  TEST_CASE("the wait for a header ends at its deadline") {
    for (const char* sent : {"", "0000"}) {
      StreamPair pair = unix_stream_pair();
      pair.left.send_all(bytes_of(from_hex(sent)), soon());
      const Deadline deadline = Clock::now() + milliseconds(50);
      CHECK_THROWS_AS(recv_message_head(pair.right, kLimit, deadline), TimeoutError);
      CHECK(Clock::now() >= deadline);
    }
  }

  TEST_CASE("the rest of a message must come before the deadline for all of it") {
    StreamPair pair = unix_stream_pair();
    pair.left.send_all(bytes_of(from_hex("0000000000000005 00")), soon());
    const Deadline deadline = Clock::now() + milliseconds(50);
    CHECK_THROWS_AS(recv_message_head(pair.right, kLimit, soon(), deadline), TimeoutError);
    CHECK(Clock::now() >= deadline);
    CHECK(Clock::now() < deadline + seconds(10));
  }

  TEST_CASE("a frame may take a minute, and a second for every 8 KiB") {
    CHECK(frame_time(0) == seconds(60));
    CHECK(frame_time(8 << 10) == seconds(61));
    CHECK(frame_time(64 << 20) == seconds(60 + 8192));
  }

  TEST_CASE("limits have room for the largest message and no more") {
    CHECK(max_piece_frame(5) == 14);
    CHECK(max_bitfield_frame(4) == 9 + kMaxGreetingBytes);
    CHECK(max_piece_frame(std::numeric_limits<std::uint32_t>::max()) == 9 + 0xffffffffULL);
  }

  TEST_CASE("every message has its name") {
    CHECK(message_name(MessageId::kChoke) == "Choke");
    CHECK(message_name(MessageId::kBitfield) == "Bitfield");
    CHECK(message_name(MessageId::kServerClose) == "ServerClose");
    CHECK(message_name(static_cast<MessageId>(9)) == "unknown");
  }
}

}  // namespace
}  // namespace piecework
