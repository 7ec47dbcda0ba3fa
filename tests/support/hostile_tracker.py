#!/usr/bin/python3
"""A tracker that answers each announce with what its one word says, for tests of a peer.

    hostile_tracker.py WORD [HOST:PORT]

  gigabyte   a frame of 1 GiB, of which as much is sent as is taken
  huge       a frame of 2^63 bytes
  garbage    1 MiB that is no JSON, in a frame
  unframed   the same without a frame
  trickle    a frame of 1000 bytes, of which each tenth of a second brings one
  silence    nothing
  crowd      as many peers as an answer of 1 MiB holds, none of which is there
  hundred-thousand
             100,000 peers, in an answer that is longer than any may be
  deep       brackets, a million of them, in a frame
  numbers    an array of half a million numbers, under a key that nobody knows
  busy       a proper answer without peers, to be asked again in no time: interval 0

HOST:PORT (127.0.0.1 and any free port unless told) is where it listens. It prints

  listening port=N
  asked                for each announce
  sent bytes=N         when the connection of one is over
"""

import sys

sys.dont_write_bytecode = True

import json
import random
import socket
import struct
import threading
import time

from wire import EndOfFile, EventLines, parse_endpoint, recv_frame

say = EventLines()


def framed(body):
    return struct.pack(">Q", len(body)) + body


def peers_in(address, count):
    """An answer with so many, all in one network that is nobody's neighbour but this host's."""
    peers = [{"peer-id": "x", "peer-port": 1, "peer-ip": f"{address}.{i // 250 % 250}.{i % 250 + 1}"}
             for i in range(count)]
    return json.dumps({"error_code": 0, "message": "started ACK", "num-of-peer": count,
                       "interval": 1, "peers": peers}, separators=(",", ":")).encode()


def chunks(word):
    """What is sent, bit by bit."""
    if word == "gigabyte":
        yield struct.pack(">Q", 1 << 30)
        for _ in range(1024):
            yield bytes(1 << 20)
    elif word == "huge":
        yield struct.pack(">Q", 1 << 63)
        yield bytes(1 << 20)
    elif word == "garbage":
        yield framed(random.Random(1).randbytes(1 << 20))
    elif word == "unframed":
        yield random.Random(1).randbytes(1 << 20)
    elif word == "trickle":
        yield struct.pack(">Q", 1000)
        for _ in range(1000):
            time.sleep(0.1)
            yield b" "
    elif word == "silence":
        time.sleep(60)
    elif word == "crowd":
        yield framed(peers_in("127.20", 18000))
    elif word == "hundred-thousand":
        yield framed(peers_in("127.20", 100000))
    elif word == "deep":
        yield framed(b"[" * 1000000)
    elif word == "numbers":
        yield framed(b'{"error_code":0,"x":[' + b"1," * 500000 + b"1]}")
    elif word == "busy":
        yield framed(b'{"error_code":0,"message":"started ACK","num-of-peer":0,"peers":[],'
                     b'"interval":0,"min-interval":0}')
    else:
        sys.exit(f"hostile_tracker: no such word: {word}")


def answer(sock, word):
    sent = 0
    try:
        recv_frame(sock)
        say("asked")
        for chunk in chunks(word):
            sock.sendall(chunk)
            sent += len(chunk)
    except (EndOfFile, OSError):
        pass
    say("sent", bytes=sent)
    sock.close()


def main():
    word = sys.argv[1]
    server = socket.create_server(parse_endpoint(sys.argv[2]) if sys.argv[2:] else ("127.0.0.1", 0))
    say("listening", port=server.getsockname()[1])
    while True:
        sock, _ = server.accept()
        threading.Thread(target=answer, args=(sock, word), daemon=True).start()


if __name__ == "__main__":
    main()
