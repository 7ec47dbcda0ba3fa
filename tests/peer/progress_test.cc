#include "peer/progress.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/unique_fd.h"

namespace piecework::peer {
namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
  }
  UniqueFd read_end;
  UniqueFd write_end;
};

// Reads until `wanted` has come, at most 5 s.
std::string read_until(int fd, std::string_view wanted) {
  const Deadline deadline = Clock::now() + seconds(5);
  std::string text;
  while (text.find(wanted) == std::string::npos) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, poll_timeout(deadline)) != 1) break;
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

TEST_SUITE("progress") {
  TEST_CASE("without a terminal a short piece of work prints one line") {
    Pipe pipe;
    {
      Progress progress("video.mp4", 2 << 20, {.fd = pipe.write_end.get()});
      progress.add(1 << 20);
      progress.add_present(1 << 20);
      progress.finish();
      progress.finish();
    }
    pipe.write_end.reset();
    const std::string text = read_until(pipe.read_end.get(), "never");
    CHECK(text.starts_with("video.mp4: 2.0 MiB in "));
    CHECK(text.ends_with("/s\n"));
    CHECK(text.find('\n') == text.size() - 1);
    CHECK(text.find('\x1b') == std::string::npos);
  }

  TEST_CASE("without a terminal long work prints plain lines between") {
    Pipe pipe;
    Progress progress("a\nb", 1000,
                      {.fd = pipe.write_end.get(), .plain_interval = milliseconds(1)});
    progress.add_present(500);
    progress.set_extra("3 peers\x1b");
    const std::string text = read_until(pipe.read_end.get(), "3 peers\\x1b\n");
    CHECK(text.find("a\\nb: 50%  500 B of 1000 B  0 B/s") != std::string::npos);
  }

  TEST_CASE("work that ends early says how far it came") {
    Pipe pipe;
    {
      Progress progress("x", 1000, {.fd = pipe.write_end.get()});
      progress.add(100);
    }
    CHECK(read_until(pipe.read_end.get(), "\n").starts_with("x: stopped at 10%  100 B of 1000 B"));
  }

  TEST_CASE("what is missing shortens the way, and is not counted as work") {
    Pipe pipe;
    Progress progress("x", 1000, {.fd = pipe.write_end.get(), .plain_interval = milliseconds(1)});
    progress.add(100);
    progress.add_missing(400);
    CHECK(read_until(pipe.read_end.get(), "x: 50%  100 B of 1000 B").find("x: 50%  100 B of") !=
          std::string::npos);
    progress.add_missing(500);
    progress.finish();
    CHECK(read_until(pipe.read_end.get(), "x: 100 B in ").find("x: 100 B in ") !=
          std::string::npos);
  }

  TEST_CASE("work of unknown length is counted without a percentage") {
    Pipe pipe;
    Progress progress("x", 0, {.fd = pipe.write_end.get(), .plain_interval = milliseconds(1)});
    progress.add(100);
    const std::string text = read_until(pipe.read_end.get(), "x: 100 B  ");
    CHECK(text.find("x: 100 B  ") != std::string::npos);
    CHECK(text.find('%') == std::string::npos);
  }

  TEST_CASE("on a terminal one line is drawn over and over and never wraps") {
    ::setenv("TERM", "xterm", 1);
    const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY));
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
    REQUIRE(terminal.valid());
    const winsize size{.ws_row = 24, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(terminal.get(), TIOCSWINSZ, &size) == 0);

    Progress progress("video.mp4", 1000, {.fd = terminal.get()});
    std::string text = read_until(master.get(), "video.mp4  [");
    progress.print_line("a note");
    text += read_until(master.get(), "a note\r\n");
    progress.add(1000);
    progress.finish();
    text += read_until(master.get(), "/s\r\n");
    CHECK(text.find("\r\x1b[Kvideo.mp4  [------") != std::string::npos);
    CHECK(text.find("\r\x1b[Ka note\r\n") != std::string::npos);
    CHECK(text.find("\r\x1b[Kvideo.mp4: 1000 B in ") != std::string::npos);
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t to = std::min(text.find('\r', from), text.size());
      CHECK(to - from <= std::string_view("\x1b[K").size() + 39);
      from = to + 1;
    }
  }

  TEST_CASE("many threads add at once") {
    Pipe pipe;
    Progress progress("x", 8000, {.fd = pipe.write_end.get(), .plain_interval = milliseconds(1)});
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&progress] {
          for (int n = 0; n < 1000; ++n) progress.add(1);
          progress.set_extra("done");
        });
      }
    }
    progress.finish();
    CHECK(read_until(pipe.read_end.get(), "x: 7.8 KiB in ").find("x: 7.8 KiB in ") !=
          std::string::npos);
  }
}

}  // namespace
}  // namespace piecework::peer
