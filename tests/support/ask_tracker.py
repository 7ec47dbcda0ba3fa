#!/usr/bin/python3
"""Sends requests to a tracker over one connection, and prints each answer on a line.

  ask_tracker.py HOST PORT REQUEST…

A REQUEST is sent as it stands, whether it is JSON or not.
"""

import socket
import sys

from wire import recv_frame, send_frame


def main():
    host, port, *requests = sys.argv[1:]
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        for request in requests:
            send_frame(sock, request.encode("utf-8", "surrogateescape"))
            print(recv_frame(sock).decode(), flush=True)


if __name__ == "__main__":
    main()
