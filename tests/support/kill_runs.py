#!/usr/bin/python3
"""Downloads that are killed (SIGKILL) in place of a random system call, and gone on with.

  kill_runs.py --peerd PEERD --preload FAULTS_SO --torrent TORRENT --original PATH --work DIR
               [--seed N] [--kills N]

The original is a file or a directory. A download is started again until it completes, then the next
begins, until there have been so many kills. Never is anything else under the final name, and what the
log calls stored is not fetched again. Prints `failed …` with what repeats it, and `kills=N downloads=N pieces=N fetched=N failed=N`.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import collections
import os
import random
import re
import signal

import torrent_file
from fault_runs import SECONDS, Runs
from peer_run import Failed, PeerRun

STORED = re.compile(r" piece\.complete .* piece=(\d+) ")


def download(args, number, chance, calls, kills):
    """How often it was killed, at most `kills` times, and how many pieces were stored."""
    peer = PeerRun(args.peerd, os.path.join(args.work, f"download{number}"), args.torrent,
                   args.original)
    killed = 0
    try:
        while True:
            if killed < kills:
                peer.start(args.preload, FAULT=f"any:{chance.randint(1, calls)}:kill")
            else:
                peer.start()
            if peer.wait(peer.is_complete, SECONDS):
                # It may be killed yet, as long as it lives.
                killed += peer.stop() == -signal.SIGKILL
                break
            if peer.exit_status != -signal.SIGKILL:
                raise Failed(f"no progress, or ended with {peer.exit_status}: {peer.log()[-500:]}")
            killed += 1
        if not peer.is_complete():
            raise Failed("what was complete has gone")
        stored = collections.Counter(STORED.findall(peer.log()))
        again = sorted(piece for piece, times in stored.items() if times > 1)
        if again:
            raise Failed(f"fetched again, though stored: pieces {again}")
        peer.remove()
        return killed, stored.total()
    except Failed as failure:
        raise Failed(f"download {number} after {killed} kills: {failure}") from failure
    finally:
        peer.kill()


def main():
    parser = argparse.ArgumentParser(description="downloads that are killed")
    for name in ("peerd", "preload", "torrent", "original", "work"):
        parser.add_argument("--" + name, required=True)
    for name, default in (("seed", 1), ("kills", 10)):
        parser.add_argument("--" + name, type=int, default=default)
    args = parser.parse_args()
    calls = sum(Runs(args).calls().values())
    chance = random.Random(args.seed)
    kills = downloads = fetched = failed = 0
    while kills < args.kills and not failed:
        try:
            killed, stored = download(args, downloads, chance, calls, args.kills - kills)
            kills += killed
            fetched += stored
        except Failed as failure:
            print(f"failed {failure}", flush=True)
            failed = 1
        downloads += 1
    pieces = downloads * torrent_file.load(args.torrent).piece_count
    print(f"kills={kills} downloads={downloads} pieces={pieces} fetched={fetched} failed={failed}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
