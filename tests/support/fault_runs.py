#!/usr/bin/python3
"""Downloads in each of which one system call fails once, and what becomes of them.

  fault_runs.py --peerd PEERD --preload FAULTS_SO --torrent TORRENT --original PATH --work DIR
                [--seed N] [--count N] [--parallel N]

The original is a file or a directory. First a download is made to see which calls it makes, and how
often; `count` of them (0: every one, with each error that it may fail with) are then made to fail.
Whatever fails: the daemon does not crash, never shows anything else under the final name, stops in
time, and has it all in the end. One that ended with an exit status and a reason is started again.
Prints `failed …` for each that is otherwise, with what repeats it, `silent …` for each that left no
trace of the error in the log, and at the end `runs=N failed=N restarted=N silent=N`.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import collections
import concurrent.futures
import errno
import os
import random

from peer_run import Failed, PeerRun

# What each call may fail with here (its man page), apart from what only a mistake of ours could
# bring about.
ERRORS = {
    "accept4": "ECONNABORTED EMFILE EINTR ENOMEM",
    "bind": "EADDRINUSE EADDRNOTAVAIL",
    "connect": "ECONNREFUSED ENETUNREACH EADDRNOTAVAIL",
    "eventfd": "EMFILE ENFILE",
    "fallocate64": "ENOSPC EIO EINTR EOPNOTSUPP",
    "fchmod": "EPERM EIO EROFS",
    "fdatasync": "EIO ENOSPC",
    "fstat64": "EIO",
    "fstatat64": "EIO EACCES",
    "fstatvfs64": "EIO",
    "fsync": "EIO ENOSPC",
    "ftruncate64": "EIO ENOSPC EFBIG",
    "getpeername": "ENOTCONN",
    "getsockname": "ENOBUFS",
    "getsockopt": "ENOBUFS",
    "inotify_add_watch": "ENOSPC ENOMEM",
    "inotify_init1": "EMFILE",
    "listen": "EADDRINUSE",
    "lseek64": "EINVAL",
    "mkdirat": "EACCES ENOSPC EMLINK",
    "mkostemp64": "EACCES ENOSPC EMFILE",
    "open64": "EACCES EMFILE ENFILE EIO",
    "openat2": "EIO EMFILE EACCES",
    "poll": "EINTR ENOMEM",
    "posix_fadvise64": "EINVAL",
    "pread64": "EIO",
    "pthread_create": "EAGAIN",
    "pwrite64": "EIO ENOSPC EINTR EDQUOT",
    "read": "EIO EINTR",
    "recv": "ECONNRESET ETIMEDOUT EINTR",
    "rename": "EIO ENOSPC EACCES",
    "renameat2": "EIO ENOSPC EINVAL EACCES",
    "send": "EPIPE ECONNRESET EINTR",
    "sendfile64": "EIO ECONNRESET",
    "setsockopt": "ENOBUFS",
    "socket": "EMFILE ENOBUFS",
    "stat64": "EIO EACCES",
    "statx": "EIO",
    "syncfs": "EIO ENOSPC",
    "unlink": "EIO",
    "unlinkat": "EIO",
    "write": "EIO ENOSPC",
}
# A failure of these is an operator's business: the log has the errno's text.
TOLD = {"fallocate64", "fchmod", "fdatasync", "ftruncate64", "mkdirat", "openat2", "pwrite64",
        "renameat2", "syncfs"}
QUIET = {"EINTR", "EOPNOTSUPP", "EINVAL"}
SECONDS = 40


class Runs:
    def __init__(self, args):
        self._args = args

    def _peer(self, name):
        return PeerRun(self._args.peerd, os.path.join(self._args.work, name), self._args.torrent,
                       self._args.original)

    def calls(self):
        """How often each call is made by a download without a fault."""
        peer = self._peer("counted")
        log = os.path.join(peer.directory, "calls")
        peer.start(self._args.preload, FAULT_LOG=log)
        if not peer.wait(peer.is_complete, SECONDS) or peer.stop() != 0:
            raise Failed("the download without a fault")
        with open(log, encoding="ascii") as file:
            counted = collections.Counter(file.read().split())
        peer.remove()
        return {call: count for call, count in counted.items() if call in ERRORS}

    def run(self, fault):
        """(fault, what is wrong or "", was it started again, was it told)"""
        peer = self._peer(fault.replace(":", "-"))
        try:
            restarted = self._fetch(peer, fault)
            told = self._is_told(peer, fault)
            peer.remove()
            return fault, "", restarted, told
        except Failed as failure:
            return fault, str(failure), False, True
        finally:
            peer.kill()

    def _fetch(self, peer, fault):
        call, number, error = fault.split(":")
        peer.start(self._args.preload, FAULT=f"{call}:{number}:{getattr(errno, error)}",
                   FAULT_LOG=os.path.join(peer.directory, "injected"))
        restarted = False
        if not peer.wait(peer.is_complete, SECONDS):
            if peer.exit_status is None:
                raise Failed("no progress")
            if peer.exit_status < 0 or not peer.log():
                raise Failed(f"ended with {peer.exit_status}: {peer.log()[-500:]}")
            restarted = True
            peer.start()
            if not peer.wait(peer.is_complete, SECONDS):
                raise Failed("no progress after it was started again")
        status = peer.stop()
        if status < 0 or not peer.is_complete():
            raise Failed(f"ended with {status}")
        return restarted

    def _is_told(self, peer, fault):
        call, _, error = fault.split(":")
        injected = os.path.exists(os.path.join(peer.directory, "injected"))
        told = os.strerror(getattr(errno, error)) in peer.log()
        if injected and not told and call in TOLD and error not in QUIET:
            raise Failed("the log does not say what failed")
        return told or not injected


def choose(calls, count, seed):
    """`count` faults, of every kind of call alike; all of them when `count` is 0."""
    if count == 0:
        return [f"{call}:{number}:{error}" for call in sorted(calls)
                for number in range(1, calls[call] + 1) for error in ERRORS[call].split()]
    chooser = random.Random(seed)
    kinds = sorted(calls)
    chooser.shuffle(kinds)
    chosen = set()
    for i in range(20 * count):
        call = kinds[i % len(kinds)]
        # The first are few and far between; of the others there are many alike.
        number = chooser.randint(1, calls[call] if chooser.random() < 0.5 else min(calls[call], 8))
        chosen.add(f"{call}:{number}:{chooser.choice(ERRORS[call].split())}")
        if len(chosen) == count:
            break
    return sorted(chosen)


def main():
    parser = argparse.ArgumentParser(description="downloads with one fault each")
    for name in ("peerd", "preload", "torrent", "original", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--fault", action="append", help="CALL:N:ERRNO, instead of chosen ones")
    args = parser.parse_args()
    runs = Runs(args)
    faults = args.fault or choose(runs.calls(), args.count, args.seed)
    total = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(args.parallel) as pool:
        for fault, wrong, restarted, told in pool.map(runs.run, faults):
            total.update(runs=1, failed=bool(wrong), restarted=restarted, silent=not told)
            if wrong:
                print(f"failed fault={fault}: {wrong}", flush=True)
            elif not told:
                print(f"silent fault={fault}", flush=True)
    print(" ".join(f"{name}={total[name]}" for name in ("runs", "failed", "restarted", "silent")))
    sys.exit(1 if total["failed"] else 0)


if __name__ == "__main__":
    main()
