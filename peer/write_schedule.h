// When the writer of one connection has something to do though nothing new is to be sent: a
// keep-alive when it has sent nothing for a while, and another look for requests in the endgame.
// Plain data: one thread at a time; time is passed in.
#pragma once

#include <algorithm>

#include "common/clock.h"

namespace piecework::peer {

// PROTOCOL.md section 5: the other side closes after 60 s of silence.
inline constexpr seconds kKeepAliveEvery{20};

class WriteSchedule {
 public:
  explicit WriteSchedule(TimePoint now) : last_sent_(now) {}

  void sent(TimePoint now) { last_sent_ = now; }
  // kNoDeadline: need not.
  void look_again_at(TimePoint when) { look_again_ = when; }

  TimePoint next() const { return std::min(last_sent_ + kKeepAliveEvery, look_again_); }
  bool must_look(TimePoint now) const { return look_again_ <= now; }
  bool is_silent(TimePoint now) const { return last_sent_ + kKeepAliveEvery <= now; }

 private:
  TimePoint last_sent_;
  TimePoint look_again_ = kNoDeadline;
};

}  // namespace piecework::peer
