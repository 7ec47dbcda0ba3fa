#!/usr/bin/python3
"""Announces many peers that do not exist, as fast as one thread can.

    announce_flood.py [--addresses K] [--swarms S] [--seed N] HOST:PORT COUNT

Each of the COUNT peers is another (address, port) with a random peer_id: the addresses are
127.7.0.1 and the K - 1 after it in turn (20 unless told), and each address has a connection of its
own. The swarm is one of S, or a random one each time. Prints one line at the end,

  announced count=N accepted=N refused=N seconds=…

where `refused` are the answers with an error_code. Exit code 1 when a connection was closed.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import ipaddress
import random
import socket
import struct
import time

from wire import HEADER, parse_endpoint

FIRST_ADDRESS = ipaddress.ip_address("127.7.0.1")
FIRST_PORT = 1024
AT_ONCE = 100  # requests on their way; their answers fit into a socket's buffer


def main():
    parser = argparse.ArgumentParser(description="a flood of announces")
    parser.add_argument("--addresses", type=int, default=20)
    parser.add_argument("--swarms", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("endpoint", type=parse_endpoint, metavar="HOST:PORT")
    parser.add_argument("count", type=int)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    connections = [socket.create_connection(args.endpoint, timeout=60,
                                            source_address=(str(FIRST_ADDRESS + i), 0))
                   for i in range(args.addresses)]

    def request(port):
        swarm = rng.getrandbits(256) if args.swarms == 0 else rng.randrange(args.swarms)
        body = (f'{{"port":{port},"peer_id":"{rng.getrandbits(128):032x}","event":"started",'
                f'"info_hash":"{swarm:064x}","left":1,"numwant":0}}').encode()
        return HEADER.pack(len(body)) + body

    begin = time.monotonic()
    accepted = refused = done = 0
    port = FIRST_PORT
    try:
        while done < args.count:
            count = min(AT_ONCE, -(-(args.count - done) // len(connections)))
            batch = connections[:args.count - done]
            for sock in batch:
                sock.sendall(b"".join(request(port + i) for i in range(count)))
            for sock in batch:
                with sock.makefile("rb") as answers:
                    for _ in range(count):
                        (length,) = HEADER.unpack(answers.read(HEADER.size))
                        if b'"error_code":0,' in answers.read(length):
                            accepted += 1
                        else:
                            refused += 1
            port += count
            done += count * len(batch)
    except (OSError, struct.error) as error:
        print(f"broke off count={done} error={error}", flush=True)
        return 1
    print(f"announced count={done} accepted={accepted} refused={refused} "
          f"seconds={time.monotonic() - begin:.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
