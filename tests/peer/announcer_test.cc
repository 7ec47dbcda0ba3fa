#include "peer/announcer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/captured_log.h"
#include "tests/support/eventually.h"
#include "tests/support/sample_torrent.h"
#include "tests/support/scripted_tracker.h"

namespace piecework::peer {
namespace {

const Identity kSelf{"self", 5555};
constexpr Announcer::Counters kCounters{.left = 17, .downloaded = 4, .uploaded = 9};
const std::string kLeaveAck = framed(R"({"error_code": 0, "message": "disconnect ACK"})");

std::string started_ack(const std::string& more = "") {
  return framed(R"({"error_code": 0, "message": "started ACK", "num-of-peer": 1, "peers": )"
                R"([{"peer-id": "x", "peer-port": 5555, "peer-ip": "10.0.0.7"}])" +
                more + "}");
}

Torrent torrent_at(const std::vector<HostPort>& trackers, HashForm form = HashForm::kSha256) {
  Torrent torrent = sample_torrent(100, 10, form).torrent;
  torrent.trackers = trackers;
  return torrent;
}

struct Rig {
  explicit Rig(Torrent which) : torrent(std::move(which)) {}

  // Announces; how long until the next one, as the shortest and longest it can have been.
  bool next_between(Clock::duration least, Clock::duration most, bool alone = false) {
    const TimePoint before = Clock::now();
    announcer.announce(kCounters, alone);
    return announcer.next() >= before + least && announcer.next() <= Clock::now() + most;
  }

  CapturedLog log;
  const Torrent torrent;
  Announcer announcer{torrent, kSelf, std::nullopt, 1};
};

TEST_SUITE("announcer") {
  TEST_CASE("the first announce is due at once, and says what a tracker needs") {
    ScriptedTracker tracker({started_ack()});
    Rig rig(torrent_at({tracker.at()}));
    CHECK(rig.announcer.next() <= Clock::now());
    const auto peers = rig.announcer.announce(kCounters, false);
    REQUIRE(peers);
    CHECK(*peers == std::vector{*Endpoint::parse("10.0.0.7:5555")});
    CHECK(rig.announcer.problem().empty());
    const AnnounceRequest request = parse_announce_request(tracker.requests().front());
    CHECK(request.event == AnnounceEvent::kStarted);
    CHECK(request.port == 5555);
    CHECK(request.peer_id == "self");
    CHECK(request.info_hash == rig.torrent.info_hash);
    CHECK(request.left == 17);
    CHECK(request.downloaded == 4);
    CHECK(request.uploaded == 9);
    CHECK_FALSE(request.ip);
  }

  TEST_CASE("a torrent in the original form is announced to the default swarm") {
    ScriptedTracker tracker({started_ack(), kLeaveAck});
    Rig rig(torrent_at({tracker.at()}, HashForm::kOriginal));
    rig.announcer.announce(kCounters, false);
    rig.announcer.leave(kCounters, soon());
    const AnnounceRequest started = parse_announce_request(tracker.requests()[0]);
    CHECK_FALSE(started.info_hash);
    CHECK(started.is_extended());
    CHECK(parse_announce_request(tracker.requests()[1]).event == AnnounceEvent::kCompleted);
  }

  TEST_CASE("a host with several addresses says which one it means") {
    ScriptedTracker tracker({started_ack()});
    const Torrent torrent = torrent_at({tracker.at()});
    const CapturedLog log;
    Announcer announcer(torrent, kSelf, IpAddress::parse("192.0.2.1"), 1);
    announcer.announce(kCounters, false);
    CHECK(parse_announce_request(tracker.requests()[0]).ip == IpAddress::parse("192.0.2.1"));
  }

  TEST_CASE("the tracker's interval counts, a minute where it names none, and jitter shortens it") {
    const struct {
      std::string more;
      bool alone;
      seconds longest;
    } kCases[] = {
        {"", false, seconds(60)},
        {R"(, "interval": 10)", false, seconds(10)},
        {R"(, "interval": 50000)", false, seconds(3600)},
        {"", true, seconds(5)},
        {R"(, "interval": 100, "min-interval": 20)", true, seconds(20)},
        {R"(, "interval": 100, "min-interval": 1)", true, seconds(5)},
        {R"(, "interval": 3, "min-interval": 1)", true, seconds(3)},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.more);
      const ScriptedTracker tracker({started_ack(c.more)});
      Rig rig(torrent_at({tracker.at()}));
      CHECK(rig.next_between(c.longest * 3 / 4, c.longest, c.alone));
    }
  }

  TEST_CASE("a tracker that fails is tried again after longer and longer") {
    const RefusingPort nobody;
    Rig rig(torrent_at({nobody.host_port()}));
    for (const int wait : {1, 2, 4, 8, 16, 32, 60, 60}) {
      CAPTURE(wait);
      CHECK(rig.next_between(milliseconds(wait * 750), seconds(wait)));
      CHECK(rig.announcer.problem().find(rig.torrent.trackers[0].to_string()) != std::string::npos);
    }
    CHECK(rig.log.has("tracker.failed"));
    CHECK_FALSE(rig.announcer.announce(kCounters, false));
  }

  TEST_CASE("the next tracker in the list takes the place of one that fails") {
    const RefusingPort nobody;
    ScriptedTracker tracker({started_ack(), started_ack()});
    Rig rig(torrent_at({nobody.host_port(), tracker.at(), nobody.host_port()}));
    CHECK_FALSE(rig.announcer.announce(kCounters, false));
    CHECK_FALSE(rig.announcer.problem().empty());
    CHECK(rig.announcer.announce(kCounters, false));
    CHECK(rig.announcer.problem().empty());
    CHECK(rig.log.has("tracker.reached tracker=" + tracker.at().to_string()));
    rig.announcer.announce_soon(Clock::now());
    CHECK(rig.announcer.announce(kCounters, false));  // the one that answered is kept
    CHECK_FALSE(rig.log.has("tracker.returned"));
  }

  TEST_CASE("while a later tracker answers, the first is tried after longer and longer") {
    const RefusingPort nobody;
    ScriptedTracker tracker(std::vector<std::string>(6, started_ack()));
    Rig rig(torrent_at({nobody.host_port(), tracker.at()}));
    rig.announcer.announce(kCounters, false);
    for (const int wait : {1, 2, 4, 8, 16, 32}) {
      CAPTURE(wait);
      CHECK(rig.next_between(milliseconds(wait * 750), seconds(wait)));
      CHECK(rig.announcer.problem().empty());
      rig.announcer.announce_soon(Clock::now());
    }
    CHECK(rig.log.count("warn tracker.failed") == 1);
    CHECK(rig.log.has("debug tracker.failed"));
    CHECK(rig.log.count("tracker.reached") == 1);
  }

  TEST_CASE("the first tracker is taken back when it answers, and both are told at the end") {
    ScriptedTracker first({"", "", started_ack(), started_ack(), kLeaveAck});
    ScriptedTracker second({started_ack(), kLeaveAck});
    Rig rig(torrent_at({first.at(), second.at()}));
    CHECK_FALSE(rig.announcer.announce(kCounters, false));
    CHECK(rig.announcer.announce(kCounters, false));
    CHECK(eventually([&] { return rig.announcer.next() <= Clock::now(); }));
    CHECK_FALSE(rig.announcer.announce(kCounters, false));  // nothing else was due
    CHECK(rig.announcer.problem().empty());
    rig.announcer.announce_soon(Clock::now());
    CHECK(rig.announcer.announce(kCounters, false));
    CHECK(rig.log.has("tracker.returned tracker=" + first.at().to_string()));
    CHECK(rig.log.has("from=" + second.at().to_string()));
    CHECK(rig.next_between(seconds(45), seconds(60)));  // and is kept
    rig.announcer.leave(kCounters, soon());
    for (ScriptedTracker* tracker : {&first, &second}) {
      CHECK(parse_announce_request(tracker->requests().back()).event == AnnounceEvent::kStopped);
    }
    CHECK_FALSE(rig.log.has("tracker.leave_failed"));
  }

  TEST_CASE("of several earlier trackers each has its turn, and the first is still wanted") {
    ScriptedTracker first({"", "", started_ack()});
    ScriptedTracker second({"", started_ack()});
    ScriptedTracker third({started_ack(), started_ack()});
    Rig rig(torrent_at({first.at(), second.at(), third.at()}));
    const auto go_on = [&] {
      rig.announcer.announce_soon(Clock::now());
      return rig.announcer.announce(kCounters, false).has_value();
    };
    CHECK_FALSE(go_on());  // the first
    CHECK_FALSE(go_on());  // the second
    CHECK(go_on());        // the third
    CHECK(go_on());        // the first again, in vain; the third, as was due
    CHECK(go_on());        // the second, and it stays there
    CHECK(rig.log.has("tracker.returned tracker=" + second.at().to_string()));
    CHECK(go_on());  // the first
    CHECK(rig.log.has("tracker.returned tracker=" + first.at().to_string()));
    CHECK(third.requests().size() == 2);
    CHECK(second.requests().size() == 2);
    CHECK(first.requests().size() == 3);
  }

  TEST_CASE("a refusal counts as a failure and says why") {
    const ScriptedTracker tracker({framed(R"({"error_code": 1, "message": "max_swarms"})")});
    Rig rig(torrent_at({tracker.at()}));
    CHECK_FALSE(rig.announcer.announce(kCounters, false));
    CHECK(rig.announcer.problem().find("max_swarms") != std::string::npos);
  }

  TEST_CASE("leaving is said to the tracker that answered last, once, and only then") {
    ScriptedTracker first({started_ack(), "", kLeaveAck});
    const RefusingPort nobody;
    Rig rig(torrent_at({first.at(), nobody.host_port()}));
    rig.announcer.leave(kCounters, soon());
    CHECK(rig.announcer.announce(kCounters, false));
    CHECK_FALSE(rig.announcer.announce(kCounters, false));  // the next would be the other one
    rig.announcer.leave(kCounters, soon());
    rig.announcer.leave(kCounters, soon());
    REQUIRE(first.requests().size() == 3);
    const AnnounceRequest leave = parse_announce_request(first.requests()[2]);
    CHECK(leave.event == AnnounceEvent::kStopped);
    CHECK(leave.info_hash == rig.torrent.info_hash);
    CHECK_FALSE(rig.log.has("tracker.leave_failed"));
  }

  TEST_CASE("leaving goes on after cancel(), announcing does not") {
    ScriptedTracker tracker({started_ack(), kLeaveAck});
    Rig rig(torrent_at({tracker.at()}));
    CHECK(rig.announcer.announce(kCounters, false));
    rig.announcer.cancel();
    CHECK_FALSE(rig.announcer.announce(kCounters, false));
    rig.announcer.leave(kCounters, soon());
    CHECK(parse_announce_request(tracker.requests()[1]).event == AnnounceEvent::kStopped);
  }

  TEST_CASE("a tracker that is gone does not hold up the leave, and this is said") {
    ScriptedTracker tracker({started_ack()});
    Rig rig(torrent_at({tracker.at()}));
    CHECK(rig.announcer.announce(kCounters, false));
    tracker.requests();  // nobody accepts any more
    const Deadline deadline = Clock::now() + milliseconds(50);
    rig.announcer.leave(kCounters, deadline);
    CHECK(Clock::now() < deadline + seconds(5));
    CHECK(rig.log.has("tracker.leave_failed"));
  }

  TEST_CASE("an announce can be asked for sooner") {
    const ScriptedTracker tracker({started_ack()});
    Rig rig(torrent_at({tracker.at()}));
    rig.announcer.announce(kCounters, false);
    const TimePoint now = Clock::now();
    rig.announcer.announce_soon(now);
    CHECK(rig.announcer.next() == now);
  }
}

}  // namespace
}  // namespace piecework::peer
