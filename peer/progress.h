// How far long work has come, on stderr: one line drawn over and over on a terminal, elsewhere a
// plain line now and then and one at the end. Owns the thread that draws. Safe from any thread,
// except construction, finish() and destruction, which belong to the owner.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <thread>

#include "common/clock.h"
#include "common/mutex.h"

namespace piecework::peer {

class Progress {
 public:
  struct Output {
    int fd = STDERR_FILENO;
    milliseconds plain_interval = seconds(5);  // between lines where there is no terminal
  };

  // `total_bytes` of 0: not known. `title` may be a stranger's text.
  Progress(std::string_view title, std::uint64_t total_bytes, Output output);
  Progress(std::string_view title, std::uint64_t total_bytes)
      : Progress(title, total_bytes, Output()) {}
  ~Progress();

  // So many bytes more are done by now.
  void add(std::uint64_t bytes) { done_.fetch_add(bytes, std::memory_order_relaxed); }
  // The same for bytes that cost no work, because they were there before: not part of the rate.
  void add_present(std::uint64_t bytes) { present_.fetch_add(bytes, std::memory_order_relaxed); }
  // The same for bytes that nothing is done about: only the way there is shorter by them.
  void add_missing(std::uint64_t bytes) { missing_.fetch_add(bytes, std::memory_order_relaxed); }
  // Shown after the rest: "3 peers".
  void set_extra(std::string_view text) EXCLUDES(mutex_);
  // A line of its own that stays above what is drawn.
  void print_line(std::string_view text);

  // Draws the last line, with totals, and ends the thread. May be called again; the destructor
  // does.
  void finish() EXCLUDES(mutex_);

 private:
  struct Sample {
    TimePoint when;
    std::uint64_t done;
  };

  void run() EXCLUDES(mutex_);
  bool stopped_before(Deadline deadline) EXCLUDES(mutex_);
  void draw(TimePoint now) EXCLUDES(mutex_);
  enum class Now { kRunning, kStopped };
  std::string status_text(double rate, Now now) EXCLUDES(mutex_);
  double recent_rate(TimePoint now);
  std::string bar() const;
  double fraction() const;
  std::uint64_t shown_bytes() const;
  std::uint64_t passed_bytes() const { return shown_bytes() + missing_.load(); }
  void write_text(std::string_view text) const;

  const std::string title_;
  const std::uint64_t total_;
  const int fd_;
  const bool terminal_;
  const milliseconds interval_;
  const TimePoint started_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> present_{0};
  std::atomic<std::uint64_t> missing_{0};
  std::deque<Sample> samples_;  // of the last seconds; the drawing thread's

  Mutex mutex_;
  CondVar stop_requested_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::string extra_ GUARDED_BY(mutex_);

  std::thread drawing_;
};

}  // namespace piecework::peer
