"""One peerd with a directory of its own that fetches one file, or one directory, for tests that start
a great many.

It is asked nothing but what its user sees: its exit status, its log, what has the final name.
"""

import glob
import os
import shutil
import signal
import subprocess
import time

POLL_SECONDS = 0.02
SLOW = int(os.environ.get("SLOW", "1"))


class Failed(Exception):
    """The run was not what it should have been; the text says how."""


def contents(path):
    """{path below it: (bytes, may it be run)} of all files in a directory, and of each directory in
    it {path/: None}; of a single file {"": (bytes, False)}. Raises FileNotFoundError."""
    try:
        with open(path, "rb") as file:
            return {"": (file.read(), False)}
    except IsADirectoryError:
        found = {}
    for above, directories, files in os.walk(path):
        for name in directories:
            found[os.path.relpath(os.path.join(above, name), path) + "/"] = None
        for name in files:
            full = os.path.join(above, name)
            with open(full, "rb") as file:
                found[os.path.relpath(full, path)] = (file.read(), os.stat(full).st_mode & 0o100 != 0)
    return found


class PeerRun:
    """`directory` holds downloads, state, torrents and log; what is there is kept and used."""

    def __init__(self, peerd, directory, torrent, original, options=()):
        self._peerd = peerd
        self.directory = directory
        self._original = original
        self._options = options
        self._process = None
        name = os.path.basename(original)
        self.final = os.path.join(directory, "downloads", name)
        self.part = self.final + ".part"
        self.state = os.path.join(directory, "state")
        self.log_path = os.path.join(directory, "log")
        for part in ("downloads", "state", "torrents"):
            os.makedirs(os.path.join(directory, part), exist_ok=True)
        shutil.copy(torrent, os.path.join(directory, "torrents", name + ".torrent"))

    def start(self, preload=None, **environment):
        settings = {"listen": "127.0.0.1:0", "watch_dir": "torrents", "download_dir": "downloads",
                    "state_dir": "state", "status_file": "status.json", "log.file": "log"}
        arguments = [self._peerd]
        for key, value in settings.items():
            if key != "listen":
                value = os.path.join(self.directory, value)
            arguments += ["--set", f"{key}={value}"]
        for option in ("log.level=debug", *self._options):
            arguments += ["--set", option]
        if preload:
            environment["LD_PRELOAD"] = preload
            checks = os.environ.get("ASAN_OPTIONS", "")
            environment["ASAN_OPTIONS"] = f"{checks}:verify_asan_link_order=0"
        with open(os.path.join(self.directory, "out"), "ab") as out:
            self._process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out,
                                             stderr=out, env={**os.environ, **environment})

    @property
    def exit_status(self):
        """Of what was started last; None while it runs, -N when signal N ended it."""
        return self._process.poll()

    def log(self):
        """All that was said, in the log and on stderr."""
        text = ""
        for name in ("log", "out"):
            try:
                with open(os.path.join(self.directory, name), encoding="utf-8",
                          errors="replace") as file:
                    text += file.read()
            except FileNotFoundError:
                pass
        return text

    def is_complete(self):
        """It is there under its final name. Raises Failed when it is not what it should be."""
        try:
            found = contents(self.final)
        except FileNotFoundError:
            return False
        if found != contents(self._original):
            raise Failed("something else under the final name")
        return True

    def wait(self, condition, seconds):
        """False when the process ends or the time is over first."""
        deadline = time.monotonic() + seconds * SLOW
        while not condition():
            if self.exit_status is not None or time.monotonic() > deadline:
                return condition()
            time.sleep(POLL_SECONDS)
        return True

    def stop(self):
        """In order; the exit status."""
        if self.wait(self._heeds_signals, 10) and self.exit_status is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(5 * SLOW + 1)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("did not stop in time") from None

    def _heeds_signals(self):
        """Has it come so far that TERM does not just end it? Its threads block it by then."""
        for path in glob.glob(f"/proc/{self._process.pid}/task/*/status"):
            try:
                with open(path, encoding="ascii") as file:
                    masks = [line.split()[1] for line in file if line.startswith("SigBlk:")]
            except OSError:  # the thread has ended
                continue
            if masks and int(masks[0], 16) >> (signal.SIGTERM - 1) & 1:
                return True
        return False

    def kill(self):
        if self._process and self.exit_status is None:
            self._process.kill()
            self._process.wait()

    def remove(self):
        shutil.rmtree(self.directory)
