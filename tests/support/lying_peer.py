#!/usr/bin/python3
"""Dials a peer that wants a torrent, again and again under another name, and serves it wrong pieces.

    lying_peer.py [--from IP] [--names N] [--holds N] [--stall] --pieces N --piece-length N
                  HOST:PORT INFO_HASH

Each time it says that it has everything, or the first so many pieces, and answers every Request with
a piece of the right length and the wrong bytes until it is shut out. With --stall it sends half of
the first one and then nothing any more, and reads on. All pieces of the torrent have the same
length. Prints

  stalled name=N piece=N       half of it has been sent
  name=N requests=N sent=N     what one name came to
  over names=N
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import socket
import struct

from wire import HEADER, EndOfFile, parse_endpoint, recv_frame, send_frame

UNCHOKE, BITFIELD, REQUEST, PIECE = 1, 5, 6, 7


def held(args):
    """The Bitfield's bytes."""
    holds = args.pieces if args.holds is None else args.holds
    return b"\1" * holds + b"\0" * (args.pieces - holds)


def answer(sock, args, name, index):
    """True when a whole piece was sent."""
    body = struct.pack(">iBi", 5 + args.piece_length, PIECE, index) + bytes(args.piece_length)
    if not args.stall:
        send_frame(sock, body)
        return True
    sock.sendall(HEADER.pack(len(body)) + body[:len(body) // 2])
    print(f"stalled name={name} piece={index}", flush=True)
    while recv_frame(sock):
        pass
    return False


def lie(args, name):
    requests = sent = 0
    with socket.create_connection(args.endpoint, timeout=10,
                                  source_address=(args.source, 0)) as sock:
        greeting = {"info_hash": args.info_hash, "peer_id": f"liar{name}", "port": 1, "connection": 0,
                    "requests": 256}
        try:
            sock.settimeout(None)
            send_frame(sock, struct.pack(">iB", 1 + args.pieces, BITFIELD) + held(args) +
                       json.dumps(greeting).encode())
            send_frame(sock, struct.pack(">iB", 1, UNCHOKE))
            while True:
                body = recv_frame(sock)
                if len(body) > 4 and body[4] == REQUEST:
                    requests += 1
                    sent += answer(sock, args, name, int.from_bytes(body[5:9], "big"))
        except (EndOfFile, OSError):
            pass
    print(f"name={name} requests={requests} sent={sent}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="a peer of many names that lies")
    parser.add_argument("--from", dest="source", default="127.0.0.1")
    parser.add_argument("--names", type=int, default=1)
    parser.add_argument("--holds", type=int)
    parser.add_argument("--stall", action="store_true")
    parser.add_argument("--pieces", type=int, required=True)
    parser.add_argument("--piece-length", type=int, required=True)
    parser.add_argument("endpoint", type=parse_endpoint, metavar="HOST:PORT")
    parser.add_argument("info_hash")
    args = parser.parse_args()
    for name in range(args.names):
        lie(args, name)
    print(f"over names={args.names}", flush=True)


if __name__ == "__main__":
    main()
