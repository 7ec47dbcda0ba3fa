#!/usr/bin/python3
"""What a power failure at any moment of a download leaves on the disk, and what peerd makes of it.

  power_loss.py --journal FILE --torrent TORRENT --original PATH --peerd PEERD --work DIR
                [--seed N] [--images N] [--runs N]

The journal is what tests/preload/journal.cc recorded of the directories `downloads` and `state`
while the original, a file or a directory, was fetched. The power fails after each of its records,
`images` times, and what has not been synced is then kept or lost at random: of a file's data each
block of 4 KiB by itself, also its length, time and mode; of the changes to a directory, each by
itself, the last ones. Of each such image:

  - what has the final name is the whole original;
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
import struct
import subprocess

import torrent_file
from peer_run import Failed, PeerRun, contents

BLOCK = 4096
MARK = struct.Struct(">3Q")  # of a file in the state of a directory: inode, birth, mtime
KEPT = (0.0, 0.1, 0.5, 0.9, 1.0)
SECONDS = 40


class File:
    """What was written to one inode: what is on the disk for sure, and what may be."""

    def __init__(self, inode, mtime):
        self.inode = inode
        self._data = bytearray()
        self._pending = []
        self._marks = [(mtime, 0o600)]  # time and mode: the last, or one that it had before

    def change(self, change, mtime):
        self._pending.append(change)
        self._marks.append((mtime, self._marks[-1][1]))

    def set_mode(self, mode):
        self._marks.append((self._marks[-1][0], mode))

    def sync(self):
        """Its data, which does not cover the marks."""
        for change in self._pending:
            apply(self._data, change)
        self._pending = []

    def sync_all(self):
        self.sync()
        self._marks = self._marks[-1:]

    def after_failure(self, chance):
        data = bytearray(self._data)
        kept = chance.choice(KEPT)
        for change in self._pending:
            for part in blocks(change):
                if chance.random() < kept:
                    apply(data, part)
        mark = self._marks[-1] if chance.random() < 0.5 else chance.choice(self._marks)
        return Left(bytes(data), self.inode, *mark)


@dataclasses.dataclass(frozen=True)
class Left:
    data: bytes
    inode: int
    mtime: int
    mode: int


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
    """Names of files and directories; its changes reach the disk in their order, and whatever becomes
    of those of other directories."""

    def __init__(self):
        self.names = {}  # as they are now
        self._synced = {}
        self._pending = []

    def change(self, change):
        self._pending.append(change)
        self._apply(self.names, change)

    def sync(self):
        self._synced = dict(self.names)
        self._pending = []

    def sync_all(self):
        self.sync()
        for entry in self.names.values():
            entry.sync_all()

    def after_failure(self, chance):
        """{name: Left, or of a directory the same again}"""
        names = dict(self._synced)
        for change in self._pending[:chance.randint(0, len(self._pending))]:
            self._apply(names, change)
        return {name: entry.after_failure(chance) for name, entry in sorted(names.items())}

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
        self._root = Directory()
        self._root.names = {"downloads": Directory(), "state": Directory()}
        self._root.sync()

    def take(self, record):
        kind, *words = record
        if kind == "create":
            inode, mtime, path = int(words[0]), int(words[1]), words[2]
            self._files[inode] = File(inode, mtime)
            self._change_name("create", path, self._files[inode])
        elif kind == "make_directory":
            self._change_name("create", words[0], Directory())
        elif kind == "rename":
            assert os.path.dirname(words[0]) == os.path.dirname(words[1])
            self._change_name("rename", words[0], os.path.basename(words[1]))
        elif kind == "unlink":
            self._change_name("unlink", words[0], None)
        elif kind == "sync_directory":
            self._directory(words[0]).sync()
        elif kind == "sync_all":
            self._root.sync_all()
        else:
            self._change_file(kind, self._files[int(words[0])], int(words[1]), words[2:])

    @staticmethod
    def _change_file(kind, file, mtime, words):
        if kind == "sync":
            file.sync()
        elif kind == "size":
            file.change(("size", int(words[0])), mtime)
        elif kind == "mode":
            file.set_mode(int(words[0]))
        else:
            file.change(("write", int(words[0]), words[2]), mtime)

    def _directory(self, path):
        directory = self._root
        for name in path.split("/"):
            directory = directory.names[name]
        return directory

    def _change_name(self, kind, path, what):
        self._directory(os.path.dirname(path)).change((kind, os.path.basename(path), what))

    def after_failure(self, chance):
        """{"downloads": {…}, "state": {…}}"""
        return self._root.after_failure(chance)


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
            return json.loads(left.data)
    return None


def marks_of(state, torrent):
    """[(length, inode, mtime)] of the files that the state is about."""
    if "marks" not in state:
        return [(state["length"], state["inode"], state["mtime_ns"])]
    marks = [MARK.unpack_from(bytes.fromhex(state["marks"]), MARK.size * number)
             for number in range(len(torrent.files))]
    return [(file.length, inode, mtime)
            for file, (inode, _, mtime) in zip(torrent.files, marks)]


def is_believed(state, mark, left, complete):
    """Would a daemon take the word of this state about this file?"""
    length, inode, mtime = mark
    if not left or state["complete"] != complete or inode != left.inode:
        return False
    return length == len(left.data) and (mtime == left.mtime or not (complete or state["clean"]))


def find(names, path):
    """What is there in an image, or None."""
    for name in path.split("/"):
        names = names.get(name) if isinstance(names, dict) else None
    return names


def contents_of(entry, prefix=""):
    """As peer_run.contents, of a part of an image."""
    if not isinstance(entry, dict):
        return {"": (entry.data, False)}
    found = {}
    for name, below in entry.items():
        if isinstance(below, dict):
            found[prefix + name + "/"] = None
            found.update(contents_of(below, prefix + name + "/"))
        else:
            found[prefix + name] = (below.data, below.mode & 0o100 != 0)
    return found


def check(image, torrent, name, original):
    """How many pieces would be believed. Raises Failed when there is anything wrong with them."""
    downloads = image["downloads"]
    if name in downloads and contents_of(downloads[name]) != original:
        raise Failed("what has the final name is something else")
    try:
        state = state_of(image)
    except ValueError as error:
        raise Failed(f"the state cannot be read: {error}") from error
    if not state:
        return 0
    marks = marks_of(state, torrent)
    verified = bytes.fromhex(state["verified"])
    trusted = 0
    for place, complete in ((name + ".part", False), (name, True)):
        lefts = [find(downloads, os.path.join(place, file.path).rstrip("/"))
                 for file in torrent.files]
        believed = [is_believed(state, mark, left, complete) for mark, left in zip(marks, lefts)]
        for piece in range(torrent.piece_count):
            parts = torrent.parts(piece)
            if (not verified[piece // 8] & 0x80 >> piece % 8 or
                    not all(believed[file] for file, _, _ in parts)):
                continue
            trusted += 1
            if not torrent.verifies(piece, b"".join(lefts[file].data[offset:offset + length]
                                                    for file, offset, length in parts)):
                raise Failed(f"piece {piece} is verified, and is not there")
    return trusted


def birth_ns(path):
    seconds, _, rest = subprocess.run(["stat", "-c", "%.9W", path], check=True, text=True,
                                      stdout=subprocess.PIPE).stdout.strip().partition(".")
    return int(seconds) * 10**9 + int(rest or 0) if seconds.isdigit() else 0


def write_file(left, path):
    """Sparse where nothing was kept."""
    with open(path, "wb") as file:
        for start in range(0, len(left.data), BLOCK):
            block = left.data[start:start + BLOCK]
            if any(block):
                file.seek(start)
                file.write(block)
        file.truncate(len(left.data))
    os.chmod(path, left.mode)
    os.utime(path, ns=(left.mtime, left.mtime))


def write_names(names, directory, written):
    """Adds to `written` under its inode of then which inode each file has, and its birth."""
    for name, entry in names.items():
        path = os.path.join(directory, name)
        if isinstance(entry, dict):
            os.makedirs(path, exist_ok=True)
            write_names(entry, path, written)
        else:
            write_file(entry, path)
            written[entry.inode] = (os.stat(path).st_ino, birth_ns(path))


def translated(state, written):
    """The state, about the files as they were written."""
    if "marks" in state:
        marks = MARK.iter_unpack(bytes.fromhex(state["marks"]))
        state["marks"] = b"".join(MARK.pack(*written.get(inode, (0, 0)), mtime)
                                  for inode, _, mtime in marks).hex()
    else:
        state["inode"], state["birth_ns"] = written.get(state["inode"], (0, 0))
    return state


def write_image(image, directory):
    """What was left, and a state that knows the files by the inodes that they have now."""
    written = {}
    write_names(image["downloads"], os.path.join(directory, "downloads"), written)
    for name, left in image["state"].items():
        data = left.data
        if name.endswith(".json"):
            data = json.dumps(translated(json.loads(data), written)).encode()
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
    original = contents(args.original)
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
