// Sole owner of one file descriptor; closes it when destroyed. Move-only, and never converts to a
// number or a bool by itself, because descriptor 0 is a valid one.
// One thread at a time. Another thread wakes a blocked one by shutdown(2), never by closing.
#pragma once

#include <unistd.h>

#include <utility>

namespace piecework {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, kNone)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, kNone));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ != kNone; }
  void reset(int fd = kNone) noexcept {
    if (fd_ != kNone) ::close(fd_);
    fd_ = fd;
  }

 private:
  static constexpr int kNone = -1;
  int fd_ = kNone;
};

}  // namespace piecework
