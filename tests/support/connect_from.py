#!/usr/bin/python3
"""Connects from an address of this host, and stays until the other side closes.

  connect_from.py SOURCE HOST PORT [REQUEST]

Prints `connected`; sends REQUEST as a frame and prints `answer …`; prints `closed after N bytes`,
what came besides the answer. Exit code 1 when it was not closed within 30 seconds.
"""

import socket
import sys

from wire import recv_frame, send_frame


def main():
    source, host, port, *requests = sys.argv[1:]
    received = 0
    try:
        with socket.create_connection((host, int(port)), 30, (source, 0)) as sock:
            print("connected", flush=True)
            for request in requests:
                send_frame(sock, request.encode())
                print("answer", recv_frame(sock).decode(), flush=True)
            while data := sock.recv(1 << 16):
                received += len(data)
    except TimeoutError:
        sys.exit("still open")
    except ConnectionResetError:
        pass
    print(f"closed after {received} bytes", flush=True)


if __name__ == "__main__":
    main()
