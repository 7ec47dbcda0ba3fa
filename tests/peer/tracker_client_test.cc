#include "peer/tracker_client.h"

#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "common/errors.h"
#include "common/frame.h"
#include "tests/support/eventually.h"
#include "tests/support/scripted_tracker.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

const std::string kStartedAck =
    R"({"error_code": 0, "message": "started ACK", "num-of-peer": 1, "peers": )"
    R"([{"peer-id": "127.0.0.1:5555", "peer-port": 5555, "peer-ip": "10.0.0.7"}]})";
const std::string kLeaveAck = R"({"error_code": 0, "message": "disconnect ACK"})";

AnnounceRequest request(AnnounceEvent event = AnnounceEvent::kStarted) {
  AnnounceRequest request;
  request.port = 5555;
  request.peer_id = "abc";
  request.event = event;
  request.left = 17;
  return request;
}

AnnounceResponse announce(const std::string& answer,
                          AnnounceEvent event = AnnounceEvent::kStarted) {
  const ScriptedTracker tracker({answer});
  return TrackerClient().announce(tracker.at(), request(event), soon());
}

std::string problem(const std::string& answer, AnnounceEvent event = AnnounceEvent::kStarted) {
  try {
    announce(answer, event);
    return "none";
  } catch (const ProtocolError& error) {
    return error.what();
  }
}

// Cancels `client` from another thread as soon as `ready`, while it announces to `tracker`.
void cancel_while_announcing(TrackerClient& client, const HostPort& tracker,
                             const std::function<void()>& ready) {
  const TimePoint from = Clock::now();
  std::thread canceller([&] {
    ready();
    client.cancel();
  });
  CHECK_THROWS(client.announce(tracker, request(), Clock::now() + seconds(20)));
  canceller.join();
  CHECK(Clock::now() - from < seconds(10));
}

TEST_SUITE("tracker_client") {
  TEST_CASE("the request goes out as one frame, and the answer comes back") {
    ScriptedTracker tracker({framed(kStartedAck)});
    const AnnounceResponse response = TrackerClient().announce(tracker.at(), request(), soon());
    CHECK(tracker.requests() == std::vector{format_announce_request(request())});
    CHECK(response.error_code == 0);
    REQUIRE(response.peers);
    CHECK(*response.peers ==
          std::vector<AnnouncedPeer>{{"127.0.0.1:5555", *Endpoint::parse("10.0.0.7:5555")}});
  }

  TEST_CASE("a leave is acknowledged") {
    for (const auto event : {AnnounceEvent::kCompleted, AnnounceEvent::kStopped}) {
      const AnnounceResponse response = announce(framed(kLeaveAck), event);
      CHECK(response.message == "disconnect ACK");
      CHECK_FALSE(response.peers);
    }
  }

  TEST_CASE("a refusal is an error with the tracker's message, except to a leave") {
    const std::string refusal = framed(R"({"error_code": 1, "message": "port: missing"})");
    CHECK(problem(refusal) == "refused message=\"port: missing\"");
    CHECK(announce(refusal, AnnounceEvent::kStopped).error_code == 1);
  }

  TEST_CASE("no answer is an error, except to a leave") {
    CHECK(problem("") == "bad_response error=\"closed without an answer\"");
    CHECK(announce("", AnnounceEvent::kStopped).error_code == 0);
  }

  TEST_CASE("an unframed answer is an error, except to a leave") {
    CHECK(problem(kLeaveAck).starts_with("frame_too_large"));
    CHECK(announce(kLeaveAck, AnnounceEvent::kStopped).error_code == 0);
    CHECK(announce("ACK", AnnounceEvent::kStopped).error_code == 0);
    CHECK(announce(framed(kLeaveAck).substr(0, 20), AnnounceEvent::kCompleted).error_code == 0);
  }

  TEST_CASE("of two frames the first one counts") {
    CHECK(announce(framed(kStartedAck) + framed(kLeaveAck)).message == "started ACK");
    CHECK(announce(framed(kLeaveAck) + framed(kLeaveAck), AnnounceEvent::kCompleted).message ==
          "disconnect ACK");
  }

  TEST_CASE("an answer that makes no sense is refused") {
    const struct {
      std::string answer;
      std::string error;
    } kCases[] = {
        {framed(""), "bad_response"},
        {framed("{"), "bad_response"},
        {framed("[]"), "bad_response"},
        {framed("{}"), "bad_response"},
        {framed(R"({"error_code": "0"})"), "bad_response"},
        {framed("\xff\xfe"), "bad_response"},
        {framed(kStartedAck + "x"), "bad_response"},
        {framed(kStartedAck).substr(0, 100), "truncated"},
        {framed(kStartedAck).substr(0, 5), "truncated"},
        {text_of(encode_frame_header(kMaxAnnounceResponseBytes + 1)), "frame_too_large"},
        {text_of(encode_frame_header(~std::uint64_t{0})), "frame_too_large"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.answer);
      CHECK(problem(c.answer).starts_with(c.error));
    }
  }

  TEST_CASE("a tracker that is not there, or has no such name, is an error of its own") {
    const RefusingPort nobody;
    CHECK_THROWS_AS(TrackerClient().announce(nobody.host_port(), request(), soon()),
                    std::system_error);
    CHECK_THROWS_AS(TrackerClient().announce({"not a name", 80}, request(), soon()),
                    std::runtime_error);
  }

  TEST_CASE("a tracker that says nothing is given up at the deadline") {
    const LoopbackListener silent;
    const Deadline deadline = Clock::now() + milliseconds(50);
    CHECK_THROWS_AS(
        TrackerClient().announce({"127.0.0.1", silent.endpoint().port}, request(), deadline),
        TimeoutError);
    CHECK(Clock::now() >= deadline);
    CHECK(Clock::now() < deadline + seconds(5));
  }

  TEST_CASE("of several addresses the next one is asked when one says nothing, or refuses") {
    const LoopbackListener silent;
    const RefusingPort nobody;
    ScriptedTracker tracker({framed(kStartedAck)});
    const std::vector<Endpoint> addresses{
        silent.endpoint(), nobody.endpoint(), {silent.endpoint().address, tracker.at().port}};
    const AnnounceResponse response =
        TrackerClient().announce(addresses, request(), Clock::now() + milliseconds(1500));
    CHECK(response.message == "started ACK");
    CHECK(tracker.requests().size() == 1);
  }

  TEST_CASE("cancel() from another thread ends the wait for an answer") {
    LoopbackListener silent;
    TrackerClient client;
    std::optional<Stream> connection;
    cancel_while_announcing(client, {"127.0.0.1", silent.endpoint().port}, [&] {
      connection.emplace(silent.accept());
      recv_text_frame(*connection, kMaxAnnounceRequestBytes, soon());
    });
  }

  TEST_CASE("cancel() at any moment ends the announce, also one that begins later") {
    LoopbackListener silent;
    const HostPort at{"127.0.0.1", silent.endpoint().port};
    for (int i = 0; i < 20; ++i) {
      TrackerClient client;
      cancel_while_announcing(client, at, [] {});
      CHECK_THROWS_AS(client.announce(at, request(), Clock::now() + seconds(20)),
                      std::system_error);
    }
    TrackerClient idle;
    idle.cancel();
    CHECK_THROWS_AS(idle.announce(at, request(), Clock::now() + seconds(20)), std::system_error);
  }
}

}  // namespace
}  // namespace piecework::peer
