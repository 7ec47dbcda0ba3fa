#include "peer/outbox.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/errors.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_pair.h"

namespace piecework::peer {
namespace {

using What = Outbox::Next::What;

const EncodedMessage kInterested = EncodedMessage::plain(MessageId::kInterested);
const EncodedMessage kUnChoke = EncodedMessage::plain(MessageId::kUnChoke);
const EncodedMessage kServerClose = EncodedMessage::plain(MessageId::kServerClose);

std::string encoded(const EncodedMessage& message) {
  return text_of(message.bytes());
}

// The next thing to do, if there is one already.
std::string next(Outbox& outbox) {
  const Outbox::Next next = outbox.wait(Clock::now());
  switch (next.what) {
    case What::kSmall: return "small " + text_of(next.small);
    case What::kPiece: return "piece " + std::to_string(next.piece.value());
    case What::kRequest: return "request";
    case What::kClosed: return "closed " + text_of(next.small);
    case What::kTimeout: return "timeout";
  }
  return "?";
}

TEST_SUITE("outbox") {
  TEST_CASE("requests are looked for first, small frames overtake pieces, each keeps its order") {
    Outbox outbox(10, 1000);
    outbox.push_piece(PieceIndex(7));
    outbox.push_piece(PieceIndex(3));
    outbox.wake_to_request();
    outbox.push(kInterested);
    outbox.push(kUnChoke);
    CHECK(next(outbox) == "request");
    CHECK(next(outbox) == "small " + encoded(kInterested) + encoded(kUnChoke));
    CHECK(next(outbox) == "piece 7");
    outbox.push(kInterested);
    CHECK(next(outbox) == "small " + encoded(kInterested));
    CHECK(next(outbox) == "piece 3");
    CHECK(next(outbox) == "timeout");
  }

  TEST_CASE("a patient frame waits for others behind one that has just been sent") {
    Outbox outbox(10, 1000);
    outbox.push_patient(kInterested);
    CHECK(next(outbox) == "small " + encoded(kInterested));  // the first does not
    outbox.push_patient(kInterested);
    outbox.push_patient(kUnChoke);
    const TimePoint before = Clock::now();
    const Outbox::Next both = outbox.wait(Clock::now() + seconds(10));
    CHECK(text_of(both.small) == encoded(kInterested) + encoded(kUnChoke));
    CHECK(Clock::now() - before < seconds(5));
  }

  TEST_CASE("a patient frame goes with whatever is sent next") {
    Outbox outbox(10, 1000);
    outbox.push(kInterested);
    next(outbox);
    outbox.push_patient(kInterested);
    outbox.push(kUnChoke);
    CHECK(next(outbox) == "small " + encoded(kInterested) + encoded(kUnChoke));
    outbox.push_patient(kInterested);
    outbox.push_piece(PieceIndex(7));
    CHECK(next(outbox) == "small " + encoded(kInterested));
    CHECK(next(outbox) == "piece 7");
    outbox.push_patient(kInterested);
    outbox.close(std::nullopt);
    CHECK(text_of(outbox.wait(Clock::now()).small) == encoded(kInterested));
  }

  TEST_CASE("many wakes make one look, and a later one makes another") {
    Outbox outbox(10, 1000);
    outbox.wake_to_request();
    outbox.wake_to_request();
    CHECK(next(outbox) == "request");
    CHECK(next(outbox) == "timeout");
    outbox.wake_to_request();
    CHECK(next(outbox) == "request");
  }

  TEST_CASE("a first frame keeps its place before what comes after it, whatever its length") {
    Outbox outbox(10, 20);
    outbox.push_frame(std::vector<std::byte>(1000, std::byte{'x'}));
    CHECK_THROWS_AS(outbox.push(kInterested), ProtocolError);
    CHECK(next(outbox) == "small " + std::string(1000, 'x'));
    outbox.push(kInterested);
    CHECK(next(outbox) == "small " + encoded(kInterested));
  }

  TEST_CASE("small frames are bounded by their bytes") {
    Outbox outbox(10, 3 * 13 + 12);
    for (int i = 0; i < 3; ++i) outbox.push(kInterested);
    CHECK_THROWS_WITH_AS(outbox.push(kInterested), "outbox_full bytes=39", ProtocolError);
    outbox.push(EncodedMessage::keep_alive());  // 12 bytes fit
    CHECK(next(outbox).size() == std::string("small ").size() + 51);
    outbox.push(kInterested);
  }

  TEST_CASE("pieces are bounded by their number, and make room one by one") {
    Outbox outbox(2, 1000);
    outbox.push_piece(PieceIndex(0));
    outbox.push_piece(PieceIndex(0));
    CHECK_THROWS_WITH_AS(outbox.push_piece(PieceIndex(0)), "too_many_requests limit=2",
                         ProtocolError);
    CHECK(next(outbox) == "piece 0");
    outbox.push_piece(PieceIndex(1));
    outbox.drop_pieces();
    CHECK(next(outbox) == "timeout");
    outbox.push_piece(PieceIndex(2));
    outbox.push_piece(PieceIndex(3));
    CHECK(next(outbox) == "piece 2");
  }

  TEST_CASE("closing sends the small frames and the last one, and no piece") {
    Outbox outbox(10, 1000);
    outbox.push_piece(PieceIndex(1));
    outbox.wake_to_request();
    outbox.push(kInterested);
    outbox.close(kServerClose);
    CHECK(next(outbox) == "closed " + encoded(kInterested) + encoded(kServerClose));
    CHECK(next(outbox) == "closed ");
  }

  TEST_CASE("a closed outbox takes nothing more, also no second farewell") {
    Outbox outbox(1, 13);
    outbox.close(std::nullopt);
    outbox.close(kServerClose);
    for (int i = 0; i < 3; ++i) {
      outbox.push(kInterested);
      outbox.push_piece(PieceIndex(1));
      outbox.push_frame(std::vector<std::byte>(100));
      outbox.wake_to_request();
      outbox.drop_pieces();
    }
    CHECK(next(outbox) == "closed ");
  }

  TEST_CASE("the last frame goes out however full the outbox is") {
    Outbox outbox(1, 13);
    outbox.push(kInterested);
    outbox.close(kServerClose);
    CHECK(next(outbox) == "closed " + encoded(kInterested) + encoded(kServerClose));
  }

  TEST_CASE("the wait ends at its deadline") {
    Outbox outbox(1, 13);
    const Deadline deadline = Clock::now() + milliseconds(30);
    CHECK(outbox.wait(deadline).what == What::kTimeout);
    CHECK(Clock::now() >= deadline);
  }

  TEST_CASE("each event wakes a writer that waits") {
    const std::function<void(Outbox&)> kEvents[] = {
        [](Outbox& outbox) { outbox.push(kInterested); },
        [](Outbox& outbox) { outbox.push_frame(std::vector<std::byte>(5)); },
        [](Outbox& outbox) { outbox.push_piece(PieceIndex(1)); },
        [](Outbox& outbox) { outbox.wake_to_request(); },
        [](Outbox& outbox) { outbox.close(std::nullopt); },
    };
    for (const auto& event : kEvents) {
      Outbox outbox(10, 1000);
      std::thread writer([&] { CHECK(outbox.wait(soon()).what != What::kTimeout); });
      event(outbox);
      writer.join();
    }
  }

  TEST_CASE("many threads put in, and the writer takes out every frame and every piece") {
    constexpr std::uint32_t kThreads = 4;
    constexpr std::uint32_t kEach = 500;
    Outbox outbox(kThreads * kEach, kThreads * kEach * 17);
    std::vector<int> pieces(kThreads * kEach, 0);
    std::atomic<std::uint32_t> taken{0};
    std::size_t small_bytes = 0;
    std::thread writer([&] {
      while (true) {
        const Outbox::Next next = outbox.wait(soon());
        small_bytes += next.small.size();
        if (next.what == What::kPiece) {
          ++pieces[next.piece.value()];
          ++taken;
        }
        if (next.what == What::kClosed || next.what == What::kTimeout) return;
      }
    });
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint32_t i = 0; i < kEach; ++i) {
          outbox.push(EncodedMessage::indexed(MessageId::kHave, PieceIndex(i)));
          outbox.push_piece(PieceIndex(t * kEach + i));
          outbox.wake_to_request();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    // Closing drops the pieces that still wait.
    CHECK(eventually([&] { return taken == kThreads * kEach; }));
    outbox.close(std::nullopt);
    writer.join();
    CHECK(small_bytes == kThreads * kEach * 17);
    for (const int times : pieces) CHECK(times == 1);
  }
}

}  // namespace
}  // namespace piecework::peer
