#include "common/terminal.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "common/unique_fd.h"

namespace piecework {
namespace {

struct PseudoTerminal {
  PseudoTerminal() : master(::posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    slave.reset(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY));
    REQUIRE(slave.valid());
  }
  void resize(unsigned short columns, unsigned short rows) const {
    const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(slave.get(), TIOCSWINSZ, &size) == 0);
  }

  UniqueFd master;
  UniqueFd slave;
};

TEST_SUITE("terminal") {
  TEST_CASE("the size is what the terminal says, then what the environment says, then usual") {
    const PseudoTerminal terminal;
    ::setenv("COLUMNS", "55", 1);
    ::setenv("LINES", "11", 1);
    terminal.resize(120, 40);
    CHECK(terminal_size(terminal.slave.get()).columns == 120);
    CHECK(terminal_size(terminal.slave.get()).rows == 40);
    terminal.resize(0, 0);
    CHECK(terminal_size(terminal.slave.get()).columns == 55);
    CHECK(terminal_size(terminal.slave.get()).rows == 11);
    for (const char* bad : {"", "0", "-5", "wide", "70000", "80x"}) {
      CAPTURE(bad);
      ::setenv("COLUMNS", bad, 1);
      CHECK(terminal_size(terminal.slave.get()).columns == 80);
    }
    ::unsetenv("COLUMNS");
    ::unsetenv("LINES");
    CHECK(terminal_size(terminal.slave.get()).columns == 80);
    CHECK(terminal_size(-1).rows == 24);
  }

  TEST_CASE("only a terminal that is named and not dumb is drawn on") {
    const PseudoTerminal terminal;
    ::setenv("TERM", "xterm", 1);
    CHECK(is_drawable_terminal(terminal.slave.get()));
    ::setenv("TERM", "dumb", 1);
    CHECK_FALSE(is_drawable_terminal(terminal.slave.get()));
    ::unsetenv("TERM");
    CHECK_FALSE(is_drawable_terminal(terminal.slave.get()));
    ::setenv("TERM", "xterm", 1);
    CHECK_FALSE(is_drawable_terminal(-1));
  }
}

}  // namespace
}  // namespace piecework
