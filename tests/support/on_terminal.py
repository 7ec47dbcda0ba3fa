"""Runs a command on a terminal of its own, as a person would, and interrupts it.

usage: on_terminal.py COLUMNS ROWS REGEX COMMAND...

What the command draws is copied to stdout. When REGEX has matched in that, what is typed is ^C; an empty
REGEX waits for the end. Exits with the command's status, or 124 when nothing has matched for 30 s times $SLOW.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

columns, rows, pattern, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
deadline = time.monotonic() + 30 * int(os.environ.get("SLOW", "1"))

pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    # The size is there before anything is drawn.
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(command[0], command)

drawn = b""
typed = not pattern
while True:
    if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
        os.kill(pid, 9)
        sys.exit(124)
    try:
        data = os.read(terminal, 65536)
    except OSError:  # EIO: nobody has it open any more
        break
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    drawn += data
    if not typed and re.search(pattern.encode(), drawn, re.DOTALL):
        os.write(terminal, b"\x03")
        typed = True
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
