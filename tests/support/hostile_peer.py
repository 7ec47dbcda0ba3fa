#!/usr/bin/python3
"""A raw peer that does what a script of words tells it, for tests of bad input.

    hostile_peer.py [--from IP] HOST:PORT ACTION...

Actions, in order; each prints one line of what it did or saw:
  hex:HEX               send these bytes as they are
  frame:HEX             send these bytes as the body of a frame, after its 8-byte header (for a
                        peer the body starts with the i32 length of the message)
  json:TEXT             send TEXT as the body of a frame
  greet:INFO_HASH:NPIECES:all|none[:PEER_ID]
                        send a proper Bitfield frame with a greeting (common/PROTOCOL.md,
                        section 5); PEER_ID is random unless given
  trickle:HEX:S         send these bytes one at a time, S seconds before each
  recv[:S]              read one frame within S seconds (10 unless told)
  recv-until:ID[:S]     read frames until one has this message id
  sleep:S               do nothing, and read nothing, for S seconds
  hold:S                stay connected for S seconds, reading and dropping what comes
  expect-close:S        the other side must close within S seconds; what it sends until then is
                        dropped

Lines:
  connected peer=…
  sent bytes=N
  send failed error=…             not fatal: the other side may close in the middle of what we say
  slept seconds=…
  frame length=N id=ID hex=…      N bytes of body, the first 64 of them shown; id is `keepalive`
                                  for a message of length 0 and `none` for a tracker's answer;
                                  the JSON of that, or of a greeting, follows as text=…
  held seconds=… bytes=N
  closed after=… how=eof|reset bytes=N
  still open after=… bytes=N
  recv closed, recv timeout, recv frame of … bytes, limit …

Exit code: 0 when every action did what it is for, 1 when expect-close saw no close or a recv got
no frame, 2 for a script that makes no sense, 3 when the connection could not be made.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import secrets
import socket
import struct
import time

from wire import EndOfFile, FrameTooLarge, endpoint_text, parse_endpoint, recv_frame

RECV_TIMEOUT_S = "10"
SHOWN_BYTES = 64


class Failed(Exception):
    """An expectation of the script was not met; the text is the line to print."""


def say(line):
    print(line, flush=True)


def describe(body):
    """(message id, `frame` line) of what a peer or a tracker sent."""
    message_id, text = "none", b""
    if body[:1] == b"{":
        text = body
    elif len(body) >= 4:
        (length,) = struct.unpack(">i", body[:4])
        message_id = "keepalive" if length == 0 else str(body[4]) if len(body) > 4 else "none"
        text = body[4 + max(length, 0):]
    line = f"frame length={len(body)} id={message_id} hex={body[:SHOWN_BYTES].hex()}"
    if text:
        line += " text=" + ascii(text.decode("utf-8", "replace"))[1:-1]
    return message_id, line


class HostilePeer:
    def __init__(self, sock):
        self._sock = sock

    def run(self, action):
        """Does one action; Failed if it was an expectation and did not hold."""
        verb, _, rest = action.partition(":")
        self.ACTIONS[verb](self, rest)

    def _send(self, data):
        try:
            self._sock.settimeout(None)
            self._sock.sendall(data)
            say(f"sent bytes={len(data)}")
        except OSError as error:
            say(f"send failed error={error.strerror}")

    def _send_body(self, body):
        self._send(struct.pack(">Q", len(body)) + body)

    def _hex(self, rest):
        self._send(bytes.fromhex(rest))

    def _frame(self, rest):
        self._send_body(bytes.fromhex(rest))

    def _json(self, rest):
        self._send_body(rest.encode("utf-8", "surrogateescape"))

    def _greet(self, rest):
        info_hash, pieces, held, *peer_id = rest.split(":", 3)
        bits = {"all": b"\1", "none": b"\0"}[held] * int(pieces)
        greeting = {"info_hash": info_hash,
                    "peer_id": peer_id[0] if peer_id else secrets.token_hex(16),
                    "port": self._sock.getsockname()[1], "connection": 0, "requests": 256,
                    "agent": "hostile/1", "features": []}
        self._send_body(struct.pack(">iB", 1 + len(bits), 5) + bits + json.dumps(greeting).encode())

    def _trickle(self, rest):
        data, pause = rest.split(":")
        sent = 0
        try:
            for byte in bytes.fromhex(data):
                time.sleep(float(pause))
                self._sock.sendall(bytes([byte]))
                sent += 1
            say(f"sent bytes={sent}")
        except OSError as error:
            say(f"send failed error={error.strerror} bytes={sent}")

    def _recv(self, rest):
        self._receive_frame(time.monotonic() + float(rest or RECV_TIMEOUT_S))

    def _recv_until(self, rest):
        wanted, _, timeout = rest.partition(":")
        deadline = time.monotonic() + float(timeout or RECV_TIMEOUT_S)
        while self._receive_frame(deadline) != wanted:
            pass

    def _receive_frame(self, deadline):
        """Prints one frame and returns its id."""
        self._sock.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            message_id, line = describe(recv_frame(self._sock))
        except TimeoutError:
            raise Failed("recv timeout") from None
        except (EndOfFile, OSError):
            raise Failed("recv closed") from None
        except FrameTooLarge as error:
            raise Failed(f"recv {error}") from None
        say(line)
        return message_id

    def _sleep(self, rest):
        time.sleep(float(rest))
        say(f"slept seconds={rest}")

    def _hold(self, rest):
        how, seconds, count = self._drop_until_close(float(rest))
        if how:
            say(f"closed after={seconds:.3f} how={how} bytes={count}")
        else:
            say(f"held seconds={seconds:.3f} bytes={count}")

    def _expect_close(self, rest):
        how, seconds, count = self._drop_until_close(float(rest))
        if not how:
            raise Failed(f"still open after={seconds:.3f} bytes={count}")
        say(f"closed after={seconds:.3f} how={how} bytes={count}")

    def _drop_until_close(self, limit_s):
        """(how it was closed, or None when it was not; seconds waited; bytes dropped)."""
        start = time.monotonic()
        count = 0
        how = None
        while how is None and time.monotonic() < start + limit_s:
            self._sock.settimeout(max(start + limit_s - time.monotonic(), 0.001))
            try:
                data = self._sock.recv(1 << 16)
                count += len(data)
                if not data:
                    how = "eof"
            except TimeoutError:
                break
            except OSError:
                how = "reset"
        return how, time.monotonic() - start, count

    ACTIONS = {"hex": _hex, "frame": _frame, "json": _json, "greet": _greet, "trickle": _trickle,
               "recv": _recv, "recv-until": _recv_until, "sleep": _sleep, "hold": _hold,
               "expect-close": _expect_close}


def main():
    parser = argparse.ArgumentParser(description="a raw peer that does what its script says")
    parser.add_argument("--from", dest="source", metavar="IP", help="local address to dial from")
    parser.add_argument("endpoint", type=parse_endpoint, metavar="HOST:PORT")
    parser.add_argument("actions", nargs="+", metavar="ACTION")
    args = parser.parse_args()
    for action in args.actions:
        if action.partition(":")[0] not in HostilePeer.ACTIONS:
            parser.error(f"no such action: {action}")

    try:
        sock = socket.create_connection(args.endpoint, timeout=10,
                                        source_address=(args.source, 0) if args.source else None)
    except OSError as error:
        say(f"connect failed peer={endpoint_text(args.endpoint)} error={error}")
        return 3
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        say(f"connected peer={endpoint_text(args.endpoint)}")
        peer = HostilePeer(sock)
        for action in args.actions:
            try:
                peer.run(action)
            except Failed as failure:
                say(str(failure))
                return 1
            except (ValueError, KeyError) as error:
                print(f"hostile_peer: bad action {action}: {error}", file=sys.stderr)
                return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
