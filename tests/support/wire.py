"""What the test doubles share: frames, HOST:PORT, and the lines they print.

A frame is a u64 big-endian length and that many bytes of body (common/PROTOCOL.md).
Nothing here knows a message: the doubles that use it keep their own idea of those.
"""

import struct
import threading

HEADER = struct.Struct(">Q")
MAX_BODY = (64 << 20) + 64 * 1024  # the largest piece and ample room around it


class EndOfFile(Exception):
    """The other side closed. `inside_frame` tells whether it did so in the middle of one."""

    def __init__(self, inside_frame):
        super().__init__("end of file inside a frame" if inside_frame else "end of file")
        self.inside_frame = inside_frame


class FrameTooLarge(Exception):
    """A header announced more than MAX_BODY bytes."""


def recv_exact(sock, size, inside_frame):
    data = bytearray()
    while len(data) < size:
        chunk = sock.recv(min(size - len(data), 1 << 20))
        if not chunk:
            raise EndOfFile(inside_frame or bool(data))
        data += chunk
    return bytes(data)


def recv_frame(sock):
    """The body of the next frame. Raises EndOfFile, FrameTooLarge or OSError."""
    (length,) = HEADER.unpack(recv_exact(sock, HEADER.size, inside_frame=False))
    if length > MAX_BODY:
        raise FrameTooLarge(f"frame of {length} bytes, limit {MAX_BODY}")
    return recv_exact(sock, length, inside_frame=True)


def send_frame(sock, body):
    sock.sendall(HEADER.pack(len(body)) + body)


def parse_endpoint(text):
    """("host", port) of `host:port` or `[v6]:port`; ValueError (which argparse shows) otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not 1 <= int(port) <= 65535:
        raise ValueError(text)
    return host.strip("[]"), int(port)


def endpoint_text(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class EventLines:
    """One line an event, `words key=value …`, on stdout and in a file if one is named.

    Safe from any thread. Each line is flushed before the call returns.
    """

    def __init__(self, path=None):
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8") if path else None

    def __call__(self, words, **fields):
        line = " ".join([words] + [f"{key}={value}" for key, value in fields.items()])
        with self._lock:
            print(line, flush=True)
            if self._file:
                print(line, file=self._file, flush=True)
