#!/usr/bin/python3
"""Fetches pieces as fast as it can and serves none, over many connections and under as many names.

    greedy_peer.py [--from IP] [--connections N] [--deaf] [--say HEX] --pieces N INFO_HASH HOST:PORT...

To each HOST:PORT it has so many connections. On each it says that it has nothing and wants
everything, keeps 256 Requests outstanding whenever it may, over and over for all pieces, and drops
what it gets. With --deaf it reads no more once it has asked. With --say it
asks for nothing, and says these bytes over and over, as fast as they are taken. It goes on until
SIGTERM, or until all connections are closed. Prints

  all there connections=N
  received bytes=N at=SECONDS     some fifty times a second while pieces come; SECONDS since 1970
  ended bytes=N connections=N     received, and how many connections were still open
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import select
import signal
import socket
import struct
import time

from wire import parse_endpoint

CHOKE, UNCHOKE, INTERESTED, BITFIELD, REQUEST, PIECE = 0, 1, 2, 5, 6, 7
AHEAD = 256


def framed(body):
    return struct.pack(">Q", len(body)) + body


class Conversation:
    """One connection, as far as its own words go: it reads the beginning of each frame."""

    def __init__(self, sock, args, number):
        self.sock = sock
        self.received = 0
        self._pieces = args.pieces
        self._next = number
        self._head = b""
        self._skip = 0
        self.has_asked = False
        self._may_ask = True
        greeting = {"info_hash": args.info_hash, "peer_id": f"greedy{number}-{sock.getsockname()[1]}",
                    "port": 0, "connection": 0, "requests": 256}
        self._out = framed(struct.pack(">iB", 1 + args.pieces, BITFIELD) + bytes(args.pieces) +
                           json.dumps(greeting).encode())
        self._out += framed(struct.pack(">iB", 1, INTERESTED))
        self._say = bytes.fromhex(args.say) * 1000
        self.flush()

    def ask(self, count):
        for _ in range(count):
            self._next = (self._next + 1) % self._pieces
            self._out += framed(struct.pack(">iBi", 5, REQUEST, self._next))

    def flush(self):
        self._out = self._out or self._say
        try:
            self._out = self._out[self.sock.send(self._out):] if self._out else b""
        except BlockingIOError:
            pass

    def read(self):
        """False at the end."""
        data = self.sock.recv(1 << 18)
        self.received += len(data)
        view = memoryview(data)
        while len(view) > 0:
            if self._skip:
                taken = min(self._skip, len(view))
                self._skip -= taken
                view = view[taken:]
                continue
            taken = min(13 - len(self._head), len(view))
            self._head += bytes(view[:taken])
            view = view[taken:]
            self._take_head()
        return bool(data)

    def _take_head(self):
        """As soon as the head of a frame is there: its length, that of the message, the id."""
        if len(self._head) < 12:
            return
        (length,) = struct.unpack(">Q", self._head[:8])
        if length > 4 and len(self._head) < 13:
            return
        message = self._head[12] if length > 4 else -1
        self._skip = max(length - (len(self._head) - 8), 0)
        self._head = b""
        if message == CHOKE:
            self._out = b""  # what it had asked for is dropped there
            self._may_ask = True
        elif message == UNCHOKE and self._may_ask and not self._say:
            self._may_ask = False
            self.has_asked = True
            self.ask(AHEAD)
        elif message == PIECE:
            self.ask(1)


def main():
    parser = argparse.ArgumentParser(description="a peer that takes and never gives")
    parser.add_argument("--from", dest="source", default="127.0.0.1")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--say", default="", metavar="HEX")
    parser.add_argument("--pieces", type=int, required=True)
    parser.add_argument("info_hash")
    parser.add_argument("endpoints", nargs="+", type=parse_endpoint, metavar="HOST:PORT")
    args = parser.parse_args()
    poll = select.epoll()
    there = {}
    for number in range(args.connections):
        for endpoint in args.endpoints:
            sock = socket.create_connection(endpoint, timeout=10, source_address=(args.source, 0))
            sock.setblocking(False)
            there[sock.fileno()] = Conversation(sock, args, number)
            poll.register(sock, select.EPOLLOUT | (0 if args.deaf else select.EPOLLIN)
                          if args.say else select.EPOLLIN)
    everyone = list(there.values())
    print(f"all there connections={len(there)}", flush=True)

    def end(*_):
        total = sum(one.received for one in everyone)
        print(f"ended bytes={total} connections={len(there)}", flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    reported = 0
    while there:
        if not args.deaf and not args.say and time.time() - reported > 0.02:
            reported = time.time()
            total = sum(one.received for one in everyone)
            print(f"received bytes={total} at={reported:.3f}", flush=True)
        for number, event in poll.poll():
            one = there[number]
            try:
                going_on = not event & (select.EPOLLHUP | select.EPOLLERR)
                if event & select.EPOLLIN:
                    going_on = one.read()
                one.flush()
                if args.deaf and one.has_asked:
                    poll.modify(number, 0)
            except BlockingIOError:
                going_on = True
            except OSError:
                going_on = False
            if not going_on:
                poll.unregister(number)
                del there[number]
                one.sock.close()
    end()


if __name__ == "__main__":
    main()
