// The terminal behind a descriptor, if there is one.
// Stateless functions; safe from any thread.
#pragma once

#include <cstddef>

namespace piecework {

// Can lines be drawn over there? Not on a terminal that $TERM does not name, or calls `dumb`.
bool is_drawable_terminal(int fd);

struct TerminalSize {
  std::size_t columns;  // at least 1
  std::size_t rows;     // likewise
};

// As the terminal says (TIOCGWINSZ, ioctl_tty(2)); what it does not know is taken from $COLUMNS and
// $LINES, or else is 80 and 24.
TerminalSize terminal_size(int fd);

}  // namespace piecework
