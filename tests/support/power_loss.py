#!/usr/bin/python3
"""What a power failure at any moment of a download leaves on the disk, and what peerd makes of it.

  power_loss.py --journal FILE --torrent TORRENT --original FILE --peerd PEERD --work DIR
                [--seed N] [--images N] [--runs N]

The journal is what tests/preload/journal.cc recorded of the directories `downloads` and `state`.
The power fails after each of its records, `images` times, and what has not been synced is then kept
or lost at random: of a file's data each block of 4 KiB by itself, also its length and time; of a
directory's changes the last ones. Of each such image:

  - what has the final name is the whole file;
  - a piece that the saved state calls verified is, if the state would be believed, on the disk.

On `runs` of the images a peerd is started, and has to complete. Prints `failed …` for each thing
found, with what repeats it, and `records=N images=N runs=N trusted=N failed=N`, of which `trusted`
counts the pieces that were believed and found right.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import concurrent.futures
import dataclasses
import json
import os
import random
import subprocess

import torrent_file
from peer_run import Failed, PeerRun

BLOCK = 4096
KEPT = (0.0, 0.1, 0.5, 0.9, 1.0)
SECONDS = 40


class File:
    """What was written to one inode: what is on the disk for sure, and what may be."""

    def __init__(self, inode, mtime):
        self.inode = inode
        self._data = bytearray()
        self._pending = []
        self._mtimes = [mtime]

    def change(self, change, mtime):
        self._pending.append(change)
        self._mtimes.append(mtime)

    def sync(self):
        for change in self._pending:
            apply(self._data, change)
        self._pending = []

    def after_failure(self, chance):
        data = bytearray(self._data)
        kept = chance.choice(KEPT)
        for change in self._pending:
            for part in blocks(change):
                if chance.random() < kept:
                    apply(data, part)
        # Data syncs do not cover the time.
        mtime = self._mtimes[-1] if chance.random() < 0.5 else chance.choice(self._mtimes)
        return Left(bytes(data), self.inode, mtime)


@dataclasses.dataclass(frozen=True)
class Left:
    data: bytes
    inode: int
    mtime: int


def apply(data, change):
    """A change is ("size", length) or ("write", offset, bytes)."""
    if change[0] == "size":
        del data[change[1]:]
        data.extend(bytes(change[1] - len(data)))
        return
    _, offset, written = change
    data.extend(bytes(max(0, offset + len(written) - len(data))))
    data[offset:offset + len(written)] = written


def blocks(change):
    if change[0] == "size":
        yield change
        return
    _, offset, written = change
    end = offset + len(written)
    while offset < end:
        step = min(BLOCK - offset % BLOCK, end - offset)
        start = len(written) - (end - offset)
        yield "write", offset, written[start:start + step]
        offset += step


class Directory:
    """Names; its changes reach the disk in their order."""

    def __init__(self):
        self._names = {}
        self._pending = []

    def change(self, change):
        self._pending.append(change)

    def sync(self):
        for change in self._pending:
            self._apply(self._names, change)
        self._pending = []

    def after_failure(self, chance):
        names = dict(self._names)
        for change in self._pending[:chance.randint(0, len(self._pending))]:
            self._apply(names, change)
        return names

    @staticmethod
    def _apply(names, change):
        kind, name, what = change
        if kind == "create":
            names[name] = what
        elif kind == "unlink":
            names.pop(name, None)
        elif name in names:
            names[what] = names.pop(name)


class Disk:
    """Takes the records one after the other."""

    def __init__(self):
        self._files = {}
        self._directories = {"downloads": Directory(), "state": Directory()}

    def take(self, record):
        kind, *words = record
        if kind == "create":
            inode, mtime, path = int(words[0]), int(words[1]), words[2]
            self._files[inode] = File(inode, mtime)
            self._change_name("create", path, self._files[inode])
        elif kind == "rename":
            self._change_name("rename", words[0], os.path.basename(words[1]))
        elif kind == "unlink":
            self._change_name("unlink", words[0], None)
        elif kind == "sync_directory":
            self._directories[words[0]].sync()
        else:
            file = self._files[int(words[0])]
            if kind == "sync":
                file.sync()
            elif kind == "size":
                file.change(("size", int(words[2])), int(words[1]))
            else:
                file.change(("write", int(words[2]), words[4]), int(words[1]))

    def _change_name(self, kind, path, what):
        directory, name = path.split("/")
        self._directories[directory].change((kind, name, what))

    def after_failure(self, chance):
        """{directory: {name: Left}}"""
        return {path: {name: file.after_failure(chance)
                       for name, file in sorted(directory.after_failure(chance).items())}
                for path, directory in self._directories.items()}


def read_journal(path):
    records = []
    with open(path, "rb") as file:
        while line := file.readline():
            words = line.decode().rstrip("\n").split(" ")
            if words[0] == "write":
                words.append(file.read(int(words[4])))
            records.append(words)
    return records


def image_of(records, prefix, seed):
    disk = Disk()
    for record in records[:prefix]:
        disk.take(record)
    return disk.after_failure(random.Random(f"{seed} {prefix}"))


def state_of(image):
    for name, left in image["state"].items():
        if name.endswith(".json"):
            return name, json.loads(left.data)
    return None, None


def is_believed(state, left, complete):
    """Would a daemon take the word of this state about this file?"""
    if state["complete"] != complete or state["inode"] != left.inode:
        return False
    same_time = state["mtime_ns"] == left.mtime
    return state["length"] == len(left.data) and (same_time or not (complete or state["clean"]))


def check(image, torrent, name, original):
    """How many pieces would be believed. Raises Failed when there is anything wrong with them."""
    final = image["downloads"].get(name)
    if final and final.data != original:
        raise Failed("the final name has other bytes")
    try:
        state = state_of(image)[1]
    except ValueError as error:
        raise Failed(f"the state cannot be read: {error}") from error
    trusted = 0
    for left in (image["downloads"].get(name + ".part"), final):
        if not state or not left or not is_believed(state, left, left is final):
            continue
        verified = bytes.fromhex(state["verified"])
        for piece in range(torrent.piece_count):
            if not verified[piece // 8] & 0x80 >> piece % 8:
                continue
            trusted += 1
            start = piece * torrent.piece_length
            if not torrent.verifies(piece, left.data[start:start + torrent.piece_size(piece)]):
                raise Failed(f"piece {piece} is verified, and is not there")
    return trusted


def birth_ns(path):
    seconds, _, rest = subprocess.run(["stat", "-c", "%.9W", path], check=True, text=True,
                                      stdout=subprocess.PIPE).stdout.strip().partition(".")
    return int(seconds) * 10**9 + int(rest or 0) if seconds.isdigit() else 0


def write_image(image, directory):
    """Files that are sparse where nothing was kept, and a state that knows them by their inodes."""
    inodes = {}
    for name, left in image["downloads"].items():
        path = os.path.join(directory, "downloads", name)
        with open(path, "wb") as file:
            for start in range(0, len(left.data), BLOCK):
                block = left.data[start:start + BLOCK]
                if any(block):
                    file.seek(start)
                    file.write(block)
            file.truncate(len(left.data))
        os.utime(path, ns=(left.mtime, left.mtime))
        inodes[left.inode] = {"inode": os.stat(path).st_ino, "birth_ns": birth_ns(path)}
    for name, left in image["state"].items():
        data = left.data
        if name.endswith(".json"):
            state = json.loads(data)
            state.update(inodes.get(state["inode"], {"inode": 0}))
            data = json.dumps(state).encode()
        with open(os.path.join(directory, "state", name), "wb") as file:
            file.write(data)


def complete_from(args, records, prefix, seed):
    """What is wrong with a peerd that starts there, or nothing."""
    peer = PeerRun(args.peerd, os.path.join(args.work, f"{prefix}-{seed}"), args.torrent,
                   args.original)
    write_image(image_of(records, prefix, seed), peer.directory)
    try:
        peer.start()
        if not peer.wait(peer.is_complete, SECONDS):
            raise Failed(f"does not complete: {peer.log()[-1000:]}")
        if peer.stop() != 0:
            raise Failed(f"ended with {peer.exit_status}: {peer.log()[-500:]}")
        peer.remove()
        return ""
    except Failed as failure:
        return str(failure)
    finally:
        peer.kill()


def check_all(records, args):
    """(pieces trusted, things wrong)"""
    torrent = torrent_file.load(args.torrent)
    with open(args.original, "rb") as file:
        original = file.read()
    disk = Disk()
    trusted = 0
    wrong = []
    for prefix in range(len(records) + 1):
        for seed in range(args.seed, args.seed + args.images):
            try:
                image = disk.after_failure(random.Random(f"{seed} {prefix}"))
                trusted += check(image, torrent, os.path.basename(args.original), original)
            except Failed as failure:
                wrong.append(f"prefix={prefix} seed={seed}: {failure}")
        if prefix < len(records):
            disk.take(records[prefix])
    return trusted, wrong


def main():
    parser = argparse.ArgumentParser(description="power failures in the middle of a download")
    for name in ("journal", "torrent", "original", "peerd", "work"):
        parser.add_argument("--" + name, required=True)
    for name, default in (("seed", 1), ("images", 4), ("runs", 12), ("parallel", 6)):
        parser.add_argument("--" + name, type=int, default=default)
    args = parser.parse_args()
    records = read_journal(args.journal)
    trusted, wrong = check_all(records, args)

    chance = random.Random(args.seed)
    chosen = [(chance.randint(0, len(records)), args.seed + chance.randrange(args.images))
              for _ in range(args.runs)]
    with concurrent.futures.ThreadPoolExecutor(args.parallel) as pool:
        outcomes = pool.map(lambda at: complete_from(args, records, *at), sorted(set(chosen)))
        wrong += [f"prefix={prefix} seed={seed}: {outcome}"
                  for (prefix, seed), outcome in zip(sorted(set(chosen)), outcomes) if outcome]
    for line in wrong[:20]:
        print(f"failed {line}")
    print(f"records={len(records)} images={(len(records) + 1) * args.images} "
          f"runs={len(set(chosen))} trusted={trusted} failed={len(wrong)}")
    sys.exit(1 if wrong or not trusted else 0)


if __name__ == "__main__":
    main()
