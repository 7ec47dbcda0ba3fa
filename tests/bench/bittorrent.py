"""What the benches need to see BitTorrent programs at work. Standard library, but for seed and fetch,
which are the libtorrent of python3-libtorrent.

  bittorrent.py make FILE OUT TRACKER_URL   a .torrent with pieces of 1 MiB
  bittorrent.py track                       an HTTP tracker on 127.0.0.1: prints `listening port=N`
  bittorrent.py seed TORRENT DIR            prints `listening port=N` once it has checked the file
  bittorrent.py fetch TORRENT DIR PORT      prints `seconds=N` when complete
"""
import hashlib
import http.server
import os
import socket
import struct
import sys
import time
import urllib.parse

PIECE_BYTES = 1 << 20


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    parts = []
    for key in sorted(value):
        parts.append(bencode(key) + bencode(value[key]))
    return b"d" + b"".join(parts) + b"e"


def make(path, out, tracker):
    pieces = []
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            pieces.append(hashlib.sha1(piece).digest())
    info = {
        "name": os.path.basename(path),
        "length": os.path.getsize(path),
        "piece length": PIECE_BYTES,
        "pieces": b"".join(pieces),
        "private": 1,
    }
    with open(out, "wb") as file:
        file.write(bencode({"announce": tracker, "info": info}))


class Tracker(http.server.BaseHTTPRequestHandler):
    """Tells everyone of everyone."""

    peers = set()

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        asker = (self.client_address[0], int(query["port"][0]))
        others = b"".join(
            socket.inet_aton(host) + struct.pack(">H", port)
            for host, port in self.peers
            if (host, port) != asker
        )
        self.peers.add(asker)
        if query.get("event") == ["stopped"]:
            self.peers.discard(asker)
        body = bencode({"interval": 60, "peers": others})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def track():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tracker)
    print("listening port=%d" % server.server_address[1], flush=True)
    server.serve_forever()


def open_session(torrent, directory):
    import libtorrent

    session = libtorrent.session(
        {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "allow_multiple_connections_per_ip": True,
        }
    )
    parameters = libtorrent.add_torrent_params()
    parameters.ti = libtorrent.torrent_info(torrent)
    parameters.trackers = []
    parameters.save_path = directory
    return session, session.add_torrent(parameters)


def wait_until_seeding(torrent):
    while not torrent.status().is_seeding:
        time.sleep(0.005)


def seed(torrent, directory):
    session, handle = open_session(torrent, directory)
    wait_until_seeding(handle)
    print("listening port=%d" % session.listen_port(), flush=True)
    while True:
        time.sleep(60)


def fetch(torrent, directory, port):
    start = time.monotonic()
    _session, handle = open_session(torrent, directory)
    handle.connect_peer(("127.0.0.1", int(port)))
    wait_until_seeding(handle)
    print("seconds=%.3f" % (time.monotonic() - start), flush=True)
    os._exit(0)


if __name__ == "__main__":
    {"make": make, "track": track, "seed": seed, "fetch": fetch}[sys.argv[1]](*sys.argv[2:])
