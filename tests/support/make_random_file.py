#!/usr/bin/python3
"""make_random_file.py SIZE OUT [SEED]: SIZE pseudo-random bytes, the same for the same seed.

SIZE takes a suffix KiB, MiB or GiB. The first bytes of a longer file equal a shorter one of
the same seed, as far as whole chunks of 4 MiB go.
"""

import argparse
import random
import re

CHUNK = 4 << 20
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def size(text):
    match = re.fullmatch(r"(\d+)(|KiB|MiB|GiB)", text)
    if not match:
        raise ValueError(text)
    return int(match[1]) * UNITS[match[2]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", type=size)
    parser.add_argument("out")
    parser.add_argument("seed", type=int, nargs="?", default=1)
    args = parser.parse_args()

    source = random.Random(args.seed)
    with open(args.out, "wb") as out:
        for offset in range(0, args.size, CHUNK):
            out.write(source.randbytes(min(CHUNK, args.size - offset)))


if __name__ == "__main__":
    main()
