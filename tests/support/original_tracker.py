#!/usr/bin/python3
"""A tracker with the habits of the original program (common/PROTOCOL.md, section 4).

- One thread: a connection that says nothing blocks everybody else.
- One request a connection, then it closes. Extra keys are ignored; there is one swarm.
- `started` is answered with the peers from before the request: a peer that announces again
  finds itself among them.
- `completed` leaves. A leave by a peer that is not listed is answered with two frames.
- `stopped` is not known to it: the answer to that is JSON without a frame around it, and the
  peer stays listed.
- A connection that closes without a whole request makes the original spin for ever, and a
  request without port, peer_id or event makes it fall over. This one prints a `violation` line
  and goes on.

The list is keyed by (ip, port): every original calls itself 127.0.0.1:5555. `ip` is the one in
the request or, without one, the one seen.

Prints, one line each:
  listening port=N
  announce ip=… port=… event=… peers=N          N: peers listed after the request
  violation what=probe|missing_key|bad_request peer=…
It runs until SIGTERM or SIGINT, and then exits 0.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import os
import signal
import socket

from wire import EndOfFile, EventLines, FrameTooLarge, endpoint_text, recv_frame, send_frame

NEEDED_KEYS = ("port", "peer_id", "event")


def encode(answer):
    return json.dumps(answer).encode()


class OriginalTracker:
    def __init__(self, say):
        self._say = say
        self._peers = {}  # (ip, port) -> the entry as it is sent

    def serve_one(self, sock, address):
        """One request, its answer, and no more."""
        peer = endpoint_text(address)
        try:
            request = json.loads(recv_frame(sock))
        except (EndOfFile, ConnectionResetError):
            self._say("violation", what="probe", peer=peer)
            return
        except (ValueError, FrameTooLarge):
            self._say("violation", what="bad_request", peer=peer)
            return
        if not isinstance(request, dict):
            self._say("violation", what="bad_request", peer=peer)
            return
        missing = [key for key in NEEDED_KEYS if key not in request]
        if missing:
            self._say("violation", what="missing_key", key=missing[0], peer=peer)
            return
        self._answer(sock, request, request.get("ip") or address[0])

    def _answer(self, sock, request, ip):
        key = (ip, request["port"])
        event = request["event"]
        if event == "started":
            peers = list(self._peers.values())
            self._peers[key] = {"peer-id": request["peer_id"], "peer-port": key[1], "peer-ip": ip}
            send_frame(sock, encode({"error_code": 0, "message": "started ACK",
                                     "num-of-peer": len(peers), "peers": peers}))
        elif event == "completed":
            if self._peers.pop(key, None) is None:
                send_frame(sock, encode({"error_code": 1, "message": "peer not found"}))
            send_frame(sock, encode({"error_code": 0, "message": "disconnect ACK"}))
        else:
            sock.sendall(encode({"error_code": 1, "message": "unknown event"}))
        self._say("announce", ip=ip, port=key[1], event=event, peers=len(self._peers))


def main():
    parser = argparse.ArgumentParser(description="a tracker with the habits of the original")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--log", help="append the event lines to this file too")
    args = parser.parse_args()

    say = EventLines(args.log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    listener = socket.create_server((args.bind, args.port), backlog=128)
    say("listening", port=listener.getsockname()[1])

    tracker = OriginalTracker(say)
    while True:
        sock, address = listener.accept()
        with sock:
            try:
                tracker.serve_one(sock, address)
            except OSError as error:
                say("connection failed", peer=endpoint_text(address), error=error.strerror)


if __name__ == "__main__":
    main()
