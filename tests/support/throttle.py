#!/usr/bin/python3
"""throttle.py HOST:PORT RATE: a slow way to HOST:PORT.

Listens on a free port of 127.0.0.1, passes every connection on to HOST:PORT, and what comes back at
RATE bytes a second, all connections together. SIGUSR1 lifts the limit. A connection that ends on
one side is ended on the other.

Prints `listening port=N`.
"""

import sys

sys.dont_write_bytecode = True

import signal
import socket
import threading
import time

from wire import parse_endpoint

STEP_BYTES = 8 << 10
STEP_SECONDS = 0.005


class Budget:
    """Bytes that may pass: grows with time, and is not saved up for long."""

    def __init__(self, rate):
        self._lock = threading.Lock()
        self._rate = rate
        self._next = time.monotonic()

    def lift(self, *_):
        self._rate = 0

    def spend(self, count):
        """Returns when `count` more bytes may pass."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now) + (count / self._rate if self._rate else 0)
            until = self._next
        while self._rate and time.monotonic() < until:
            time.sleep(min(STEP_SECONDS, max(until - time.monotonic(), 0)))


def pump(source, sink, budget):
    """Passes bytes on until either side ends; then ends both."""
    try:
        while data := source.recv(STEP_BYTES if budget else 1 << 16):
            if budget:
                budget.spend(len(data))
            sink.sendall(data)
    except OSError:
        pass
    for sock in (source, sink):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, target, budget):
    with client:
        try:
            server = socket.create_connection(target, timeout=5)
        except OSError:
            return
        with server:
            server.settimeout(None)
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=pump, args=(server, client, budget), daemon=True)
            back.start()
            pump(client, server, None)
            back.join()


def main():
    target, rate = parse_endpoint(sys.argv[1]), int(sys.argv[2])
    budget = Budget(rate)
    signal.signal(signal.SIGUSR1, budget.lift)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"listening port={listener.getsockname()[1]}", flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, target, budget), daemon=True).start()


if __name__ == "__main__":
    main()
