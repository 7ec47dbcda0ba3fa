"""Torrent files as the test doubles read and write them (common/PROTOCOL.md, section 3)."""

import ast
import dataclasses
import hashlib
import json
import os
import re


@dataclasses.dataclass(frozen=True)
class File:
    path: str  # below the directory; "" of what is a single file
    length: int


@dataclasses.dataclass(frozen=True)
class Torrent:
    announce: tuple  # (host, port)
    piece_length: int
    file_length: int  # of all files together
    files: list
    digests: list  # raw bytes: 20 each for SHA-1, 32 for SHA-256

    @property
    def piece_count(self):
        return len(self.digests)

    def piece_size(self, index):
        return min(self.piece_length, self.file_length - index * self.piece_length)

    def parts(self, index):
        """[(number of the file, offset in it, bytes)] of a piece."""
        start = index * self.piece_length
        end = start + self.piece_size(index)
        found = []
        at = 0  # where the file begins
        for number, file in enumerate(self.files):
            first, last = max(start, at), min(end, at + file.length)
            if first < last:
                found.append((number, first - at, last - first))
            at += file.length
        return found

    def verifies(self, index, data):
        digest = self.digests[index]
        hasher = hashlib.sha1 if len(digest) == 20 else hashlib.sha256
        return len(data) == self.piece_size(index) and hasher(data).digest() == digest


def parse_digest(text):
    """64 or 40 hex digits, or the Python repr of the raw SHA-1 bytes."""
    if re.fullmatch(r"[0-9a-fA-F]{64}|[0-9a-fA-F]{40}", text):
        return bytes.fromhex(text)
    return ast.literal_eval(text)


def load(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    info = document["info"]
    if "files" in info:
        files = [File(file["path"], file["length"]) for file in info["files"]]
    else:
        files = [File("", info["file_length"])]
    return Torrent(announce=(document["announce"], document["port"]),
                   piece_length=info["piece_length"],
                   file_length=sum(file.length for file in files), files=files,
                   digests=[parse_digest(text) for text in info["piece_hash"]])


def make(path, announce, piece_length, out):
    """Writes the torrent of the file at `path` in the original form to `out`."""
    with open(path, "rb") as file:
        pieces = iter(lambda: file.read(piece_length), b"")
        hashes = [str(hashlib.sha1(piece).digest()) for piece in pieces]
    document = {"announce": announce[0], "port": announce[1], "comment": "",
                "info": {"piece_length": piece_length, "piece_hash": hashes,
                         "file_name": os.path.basename(path), "file_length": os.path.getsize(path)}}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(document, file)
