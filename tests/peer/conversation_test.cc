#include "peer/conversation.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

namespace piecework::peer {
namespace {

std::string name(SendState::Value value) {
  switch (value) {
    case SendState::Value::k10: return "10";
    case SendState::Value::k01: return "01";
    case SendState::Value::k11: return "11";
  }
  return "?";
}

std::string name(RecvState::Value value) {
  switch (value) {
    case RecvState::Value::k10: return "10";
    case RecvState::Value::k11: return "11";
    case RecvState::Value::k01: return "01";
  }
  return "?";
}

std::string name(SendState::OnRequest request) {
  switch (request) {
    case SendState::OnRequest::kServe: return "serve";
    case SendState::OnRequest::kDrop: return "drop";
    case SendState::OnRequest::kProtocolError: return "error";
  }
  return "?";
}

// A sending side brought to a state: "10" and "11" before the first UnChoke, "… again" after it.
SendState send_state(const std::string& state) {
  SendState send;
  if (state == "10") return send;
  send.interested();
  if (state == "11") return send;
  send.unchoke();
  if (state == "11 again") send.choke();
  if (state == "10 again") send.uninterested();
  return send;
}

RecvState recv_state(const std::string& state) {
  RecvState recv;
  if (state == "10") return recv;
  recv.want();
  if (state == "01") recv.unchoked();
  return recv;
}

// The state after an event, with "+" when it says that a message (or a step) is due.
template <typename State>
std::string after(State state, const std::function<bool(State&)>& event) {
  const bool due = event(state);
  return name(state.value()) + (due ? "+" : "");
}

TEST_SUITE("conversation") {
  TEST_CASE("the sending side does what the protocol draws, for every event in every state") {
    const std::function<bool(SendState&)> interested = [](SendState& s) { return s.interested(); };
    const std::function<bool(SendState&)> uninterested = [](SendState& s) {
      s.uninterested();
      return false;
    };
    const std::function<bool(SendState&)> choke = [](SendState& s) { return s.choke(); };
    const std::function<bool(SendState&)> unchoke = [](SendState& s) { return s.unchoke(); };
    const struct {
      const char* state;
      const char* interested;    // +: waits for UnChoke
      const char* uninterested;  // forget what was asked
      const char* choke;         // +: send Choke
      const char* unchoke;       // +: send UnChoke
      const char* request;
    } kTable[] = {
        {"10", "11+", "10", "10", "10", "error"},
        {"11", "11", "10", "11", "01+", "error"},
        {"01", "01", "10", "11+", "01", "serve"},
        {"11 again", "11", "10", "11", "01+", "drop"},
        {"10 again", "11+", "10", "10", "10", "drop"},
    };
    for (const auto& row : kTable) {
      CAPTURE(row.state);
      const SendState state = send_state(row.state);
      CHECK(after(state, interested) == row.interested);
      CHECK(after(state, uninterested) == row.uninterested);
      CHECK(after(state, choke) == row.choke);
      CHECK(after(state, unchoke) == row.unchoke);
      CHECK(name(state.request()) == row.request);
      CHECK(state.peer_interested() == (std::string(row.state).substr(0, 2) != "10"));
    }
  }

  TEST_CASE("the receiving side does what the protocol draws, for every event in every state") {
    const std::function<bool(RecvState&)> want = [](RecvState& s) { return s.want(); };
    const std::function<bool(RecvState&)> nothing = [](RecvState& s) { return s.want_nothing(); };
    const std::function<bool(RecvState&)> unchoked = [](RecvState& s) { return s.unchoked(); };
    const std::function<bool(RecvState&)> choked = [](RecvState& s) { return s.choked(); };
    const struct {
      const char* state;
      const char* want;      // +: send Interested
      const char* nothing;   // +: send UnInterested
      const char* unchoked;  // +: send Requests
      const char* choked;    // +: give back what was asked
      bool may_request;
      bool interested;
    } kTable[] = {
        {"10", "11+", "10", "10", "10", false, false},
        {"11", "11", "10+", "01+", "11", false, true},
        {"01", "01", "10+", "01", "11+", true, true},
    };
    for (const auto& row : kTable) {
      CAPTURE(row.state);
      const RecvState state = recv_state(row.state);
      CHECK(after(state, want) == row.want);
      CHECK(after(state, nothing) == row.nothing);
      CHECK(after(state, unchoked) == row.unchoked);
      CHECK(after(state, choked) == row.choked);
      CHECK(state.may_request() == row.may_request);
      CHECK(state.interested() == row.interested);
    }
  }

  TEST_CASE("a whole conversation: interest, service, a choke between, and the end") {
    SendState seeder;
    RecvState leecher;
    CHECK(leecher.want());
    CHECK(seeder.interested());
    CHECK(seeder.unchoke());
    CHECK(leecher.unchoked());
    CHECK(seeder.request() == SendState::OnRequest::kServe);
    CHECK(seeder.choke());
    CHECK(seeder.request() == SendState::OnRequest::kDrop);  // it crossed our Choke
    CHECK(leecher.choked());
    CHECK(seeder.unchoke());
    CHECK(leecher.unchoked());
    CHECK(seeder.request() == SendState::OnRequest::kServe);
    CHECK(leecher.want_nothing());
    seeder.uninterested();
    CHECK(seeder.request() == SendState::OnRequest::kDrop);
    CHECK_FALSE(seeder.peer_interested());
    CHECK_FALSE(leecher.interested());
  }
}

}  // namespace
}  // namespace piecework::peer
