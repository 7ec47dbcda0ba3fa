#include "peer/progress.h"

#include <algorithm>
#include <cmath>

#include "common/columns.h"
#include "common/printable.h"
#include "common/terminal.h"
#include "common/threads.h"
#include "common/units.h"

namespace piecework::peer {
namespace {

constexpr milliseconds kRedrawInterval{200};
constexpr seconds kRateWindow{10};
constexpr std::size_t kBarCells = 24;
constexpr std::string_view kClearLine = "\r\x1b[K";

double seconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Progress::Progress(std::string_view title, std::uint64_t total_bytes, Output output)
    : title_(printable(title)),
      total_(total_bytes),
      fd_(output.fd),
      terminal_(is_drawable_terminal(output.fd)),
      interval_(terminal_ ? kRedrawInterval : output.plain_interval),
      started_(Clock::now()),
      drawing_(start_thread("progress", [this] { run(); })) {}

Progress::~Progress() {
  finish();
}

void Progress::set_extra(std::string_view text) {
  MutexLock lock(mutex_);
  extra_ = printable(text);
}

void Progress::print_line(std::string_view text) {
  write_text((terminal_ ? std::string(kClearLine) : "") + printable(text) + "\n");
}

void Progress::finish() {
  if (!drawing_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_requested_.notify_all();
  drawing_.join();
  const double elapsed = seconds_between(started_, Clock::now());
  const double rate = static_cast<double>(done_.load()) / std::max(elapsed, 1e-3);
  const bool all = total_ == 0 || passed_bytes() >= total_;
  const milliseconds duration(static_cast<milliseconds::rep>(elapsed * 1000));
  std::string line = terminal_ ? std::string(kClearLine) : "";
  line += title_ + ": ";
  line += all ? format_size(shown_bytes()) : "stopped at " + status_text(rate, Now::kStopped);
  line += " in " + format_duration(duration);
  if (all) line += ", " + format_rate(rate);
  write_text(line + "\n");
}

void Progress::run() {
  TimePoint next = started_ + (terminal_ ? milliseconds(0) : interval_);
  for (; !stopped_before(next); next = Clock::now() + interval_) draw(Clock::now());
}

bool Progress::stopped_before(Deadline deadline) {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (!stop_requested_.wait_until(mutex_, deadline)) return false;
  }
  return true;
}

void Progress::draw(TimePoint now) {
  const std::string status = status_text(recent_rate(now), Now::kRunning);
  if (!terminal_) {
    write_text(title_ + ": " + status + "\n");
    return;
  }
  const std::string line = title_ + "  " + bar() + status;
  // A line that wraps could not be drawn over.
  const std::size_t columns = std::max<std::size_t>(terminal_size(fd_).columns, 2) - 1;
  write_text(std::string(kClearLine) + std::string(fit_columns(line, columns)));
}

std::string Progress::status_text(double rate, Now now) {
  const std::uint64_t shown = shown_bytes();
  const std::uint64_t passed = passed_bytes();
  std::string text;
  if (total_ > 0) {
    text += std::to_string(static_cast<int>(fraction() * 100)) + "%  ";
    text += format_size(shown) + " of " + format_size(total_) + "  " + format_rate(rate);
    if (now == Now::kRunning && rate > 0 && passed < total_) {
      const double left = std::ceil(static_cast<double>(total_ - passed) / rate);
      text += "  ETA " + format_duration(seconds(static_cast<seconds::rep>(std::min(left, 1e9))));
    }
  } else {
    text += format_size(shown) + "  " + format_rate(rate);
  }
  MutexLock lock(mutex_);
  if (!extra_.empty()) text += "  " + extra_;
  return text;
}

double Progress::recent_rate(TimePoint now) {
  if (samples_.empty()) samples_.push_back({started_, 0});
  samples_.push_back({now, done_.load()});
  while (samples_.size() > 2 && samples_[1].when + kRateWindow < now) samples_.pop_front();
  const double elapsed = seconds_between(samples_.front().when, now);
  const std::uint64_t done = samples_.back().done - samples_.front().done;
  return elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
}

std::string Progress::bar() const {
  if (total_ == 0) return "";
  const auto filled = static_cast<std::size_t>(fraction() * kBarCells);
  return "[" + std::string(filled, '#') + std::string(kBarCells - filled, '-') + "]  ";
}

double Progress::fraction() const {
  return std::min(1.0, static_cast<double>(passed_bytes()) / static_cast<double>(total_));
}

std::uint64_t Progress::shown_bytes() const {
  return done_.load() + present_.load();
}

void Progress::write_text(std::string_view text) const {
  // What cannot be shown is no reason to fail.
  [[maybe_unused]] const ssize_t written = ::write(fd_, text.data(), text.size());
}

}  // namespace piecework::peer
