#!/usr/bin/python3
"""Many connections at once to one address, from one thread, for tests of floods.

    crowd.py [--addresses K] HOST:PORT trickle N [HEX]
    crowd.py [--addresses K] HOST:PORT hold N HEX
    crowd.py [--addresses K] HOST:PORT storm N HEX...

It dials from 127.5.0.1 and the K - 1 addresses after it in turn (1 unless told).

  trickle  N connections, of which each says a byte of HEX each second, over and over. One that is
           closed is dialled again, so there are always N
  hold     N connections that say HEX at once and then nothing, and drop what they hear; they are
           not dialled again
  storm    N connections one after another, 64 of them open at any time: each says one of the HEX
           in turn (`-` is nothing) and closes without waiting for an answer, every other one with
           a reset

trickle and hold go on until SIGTERM. Lines:
  all there connections=N      everybody is connected, and has said its first words
  over connections=N           the storm is
  ended dialled=N closed=N     at SIGTERM: how many were dialled, and closed by the other side
Exit code: 0; 3 when a connection could not be made.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import collections
import errno
import ipaddress
import select
import signal
import socket
import struct
import time

from wire import parse_endpoint

FIRST_ADDRESS = ipaddress.ip_address("127.5.0.1")
AT_A_TIME = 64
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time


class Crowd:
    def __init__(self, endpoint, addresses, words):
        self._endpoint = endpoint
        self._addresses = addresses
        self._words = words
        self._poll = select.epoll()
        self._there = {}  # descriptor: [socket, bytes said]
        self.dialled = 0
        self.closed = 0

    def dial(self):
        """One more connection. False when the other side had no room in its backlog."""
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.bind((str(FIRST_ADDRESS + self.dialled % self._addresses), 0))
        sock.settimeout(10)
        try:
            sock.connect(self._endpoint)
        except (ConnectionResetError, TimeoutError):
            sock.close()
            return False
        sock.setblocking(False)
        self.dialled += 1
        self._there[sock.fileno()] = [sock, 0]
        self._poll.register(sock, select.EPOLLIN)
        return True

    def say(self, number, count):
        """The next `count` bytes of what there is to say, over and over."""
        sock, said = self._there[number]
        at = said % len(self._words)
        try:
            self._there[number][1] += sock.send(self._words[at:at + count])
        except BlockingIOError:
            pass
        except OSError:
            self._drop(number)

    def listen(self, until):
        """Drops what is heard and who has closed, until then."""
        while (left := until - time.monotonic()) > 0:
            for number, _ in self._poll.poll(left):
                try:
                    if not self._there[number][0].recv(1 << 16):
                        self._drop(number)
                except BlockingIOError:
                    pass
                except OSError:
                    self._drop(number)

    def numbers(self):
        return list(self._there)

    def size(self):
        return len(self._there)

    def _drop(self, number):
        self._poll.unregister(number)
        self._there.pop(number)[0].close()
        self.closed += 1


def stay(crowd, count, step, again):
    """`count` connections, which say `step` bytes a second, or everything at once."""
    def everybody():
        while crowd.size() < count:
            if crowd.dial():
                crowd.say(crowd.numbers()[-1], step)

    everybody()
    print(f"all there connections={crowd.size()}", flush=True)
    while True:
        crowd.listen(time.monotonic() + 1)
        if not again:
            continue
        for number in crowd.numbers():
            crowd.say(number, step)
        everybody()


def storm(endpoint, addresses, count, words):
    open_ones = collections.deque()

    def close_oldest():
        number, sock = open_ones.popleft()
        if number % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()

    for number in range(count):
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)
        sock.bind((str(FIRST_ADDRESS + number % addresses), 0))
        try:
            sock.connect(endpoint)
            sock.send(words[number % len(words)], socket.MSG_DONTWAIT)
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                raise
        open_ones.append((number, sock))
        if len(open_ones) == AT_A_TIME:
            close_oldest()
    while open_ones:
        close_oldest()
    print(f"over connections={count}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="many connections at once")
    parser.add_argument("--addresses", type=int, default=1)
    parser.add_argument("endpoint", type=parse_endpoint, metavar="HOST:PORT")
    parser.add_argument("what", choices=["trickle", "hold", "storm"])
    parser.add_argument("count", type=int)
    parser.add_argument("words", nargs="+", metavar="HEX")
    args = parser.parse_args()
    words = [bytes.fromhex("" if text == "-" else text) for text in args.words]
    try:
        if args.what == "storm":
            storm(args.endpoint, args.addresses, args.count, words)
            return 0
        crowd = Crowd(args.endpoint, args.addresses, words[0])

        def end(*_):
            print(f"ended dialled={crowd.dialled} closed={crowd.closed}", flush=True)
            sys.exit(0)

        signal.signal(signal.SIGTERM, end)
        stay(crowd, args.count, 1 if args.what == "trickle" else len(words[0]),
             args.what == "trickle")
    except OSError as error:
        print(f"connect failed error={error}", flush=True)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
