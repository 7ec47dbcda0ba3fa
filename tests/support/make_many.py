#!/usr/bin/python3
"""make_many.py COUNT BYTES HOST:PORT FILES TORRENTS [--missing N]: COUNT files of BYTES bytes, all
different, and their torrents of four pieces, which name that tracker. Of the last N files one piece
is missing: they are FILES/NAME.part, with a hole.
"""

import argparse
import hashlib
import json
import pathlib
import random

PIECES = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("count", type=int)
    parser.add_argument("bytes", type=int)
    parser.add_argument("tracker")
    parser.add_argument("files", type=pathlib.Path)
    parser.add_argument("torrents", type=pathlib.Path)
    parser.add_argument("--missing", type=int, default=0)
    args = parser.parse_args()

    host, port = args.tracker.rsplit(":", 1)
    length = args.bytes // PIECES
    common = random.Random(1).randbytes(length - 8)
    for number in range(args.count):
        pieces = [(number * PIECES + piece).to_bytes(8, "big") + common for piece in range(PIECES)]
        name = f"file{number:05}"
        info = {"file_name": name, "file_length": length * PIECES, "piece_length": length,
                "piece_hash": [hashlib.sha256(piece).hexdigest() for piece in pieces]}
        torrent = {"announce": host, "port": int(port), "comment": "", "info": info}
        (args.torrents / f"{name}.torrent").write_text(json.dumps(torrent))
        if number >= args.count - args.missing:
            pieces[0] = bytes(length)
            name += ".part"
        (args.files / name).write_bytes(b"".join(pieces))


if __name__ == "__main__":
    main()
