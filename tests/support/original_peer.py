#!/usr/bin/python3
"""A peer with the habits of the original program (common/PROTOCOL.md, section 5).

It seeds what it holds and fetches the rest:

    original_peer.py --torrent FILE.torrent --data PATH [--have 0-9,12|all|none] …
    original_peer.py --make FILE --announce HOST:PORT --piece-length N -o OUT

Its habits:
- It calls itself 127.0.0.1:5555 whatever its port, announces once, without info_hash, and dials
  each peer that the tracker names, once. The first address that refuses it ends the program, with
  exit code 3. It never leaves the swarm, unless --leave says so.
- A thread for each connection, dialled or accepted. The thread sends a Bitfield and must then
  receive one; what follows the message in that frame (the greeting) is ignored.
- send state (my_choke, peer_interested) and recv state (peer_choke, my_interested) both start at
  10. At 10/10 any message but Interested ends the thread; an unknown id always does. UnInterested
  as the first word after the Bitfields is how two originals that need nothing part, so that one
  is not a violation. When a thread ends, its connection stays open and silent.
- It knows no Have, Choke or KeepAlive. Choke and UnChoke are ignored once it has started.
- It takes a piece from the queue that all threads share when it becomes interested, and never
  puts it back. For each piece in the queue that the other lacks it sleeps up to a second.
- One Request outstanding. A wrong piece is asked for again, of the same peer, without bound.
- It answers Requests in the order they came. One out of range or for a piece that it lacks, or a
  Bitfield of another length, ends the thread.
- At end of file it spins a core for ever, unless a ServerClose came before or it was at 10/10.
  This one sleeps for ever instead.

Prints, one line each (peer=IP:PORT):
  listening port=N
  announced event=… peers=N error_code=N
  connected peer=… dialled=yes|no
  redial seconds_since=… peer=…   somebody dials whose IP had a conversation here that was over
                                  this many seconds ago
  sent piece=I to=…
  got piece=I from=…              verified and written
  bad piece=I times=N from=…      failed its hash, and is asked for again; of the times a piece
                                  does so, only the first, second, fourth, eighth … are printed
  rest peer=…                     back at 10/10: the conversation is over
  complete seconds=…              everything is held
  thread ended reason=… peer=…    the reasons are those below and server_close, eof_at_rest,
                                  eof_before_bitfield, uninterested_at_rest, connection_error
  violation what=… peer=…         an original does not survive this, or is hurt by it:
    have, keepalive, unknown_id   it ends the thread; unknown_id and not_at_rest add id=N
    choke                         it is ignored (unless at 10/10), and what was asked is lost
    not_at_rest                   any other message but Interested at 10/10: it ends the thread
    first_not_bitfield, bitfield_length, second_bitfield, request_out_of_range,
    request_for_lacked_piece, malformed, frame_too_large
                                  it ends the thread
    eof, reset                    closed in a state other than 10/10 without a ServerClose, or
                                  (eof) inside a frame; adds state=SEND/RECV
    request_while_choked, unrequested_piece
                                  it is ignored
    trailing_bytes                more than the message in a frame that is no Bitfield
    after_thread_ended            something other than ServerClose came to a thread that had ended
                                  in good order: it is not heard

Exit code: 0 at SIGTERM or SIGINT, 2 usage, 3 an address or the tracker refused it.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import collections
import json
import os
import random
import signal
import socket
import struct
import threading
import time

import torrent_file
from wire import (EndOfFile, EventLines, FrameTooLarge, endpoint_text, parse_endpoint, recv_frame,
                  send_frame)

PEER_ID = "127.0.0.1:5555"
EXIT_REFUSED = 3

CHOKE, UNCHOKE, INTERESTED, UNINTERESTED, HAVE, BITFIELD, REQUEST, PIECE = range(8)
SERVER_CLOSE = 10
KNOWN_IDS = {CHOKE, UNCHOKE, INTERESTED, UNINTERESTED, BITFIELD, REQUEST, PIECE, SERVER_CLOSE}
SERVER_CLOSE_FRAME = struct.pack(">QiB", 5, 1, SERVER_CLOSE)

# Both states: first digit choked, second digit interested.
AT_REST, WAITING, FLOWING = "10", "11", "01"


class ThreadEnds(Exception):
    """The original's thread ends here. `what` names a violation if that is the cause."""

    def __init__(self, reason, violation=False, **fields):
        super().__init__(reason)
        self.reason = reason
        self.violation = violation
        self.fields = fields


class Pieces:
    """The data file, which pieces of it are held, and the queue of those nobody fetches yet.

    Safe from any thread.
    """

    def __init__(self, torrent, path, have):
        """`have` is a set of indices that are believed, or None: those that verify."""
        self.torrent = torrent
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.truncate(path, torrent.file_length)
        every = range(torrent.piece_count)
        if have is None:
            have = {i for i in every if torrent.verifies(i, self.read(i))}
        self._lock = threading.Lock()
        self._held = have
        self._left = collections.deque(i for i in every if i not in have)

    def bits(self):
        with self._lock:
            return bytes(i in self._held for i in range(self.torrent.piece_count))

    def holds(self, index):
        with self._lock:
            return index in self._held

    def complete(self):
        with self._lock:
            return len(self._held) == self.torrent.piece_count

    def read(self, index):
        return os.pread(self._file, self.torrent.piece_size(index),
                        index * self.torrent.piece_length)

    def add(self, index, data):
        """Stores a verified piece. True when it was the last one missing."""
        os.pwrite(self._file, data, index * self.torrent.piece_length)
        with self._lock:
            self._held.add(index)
            return len(self._held) == self.torrent.piece_count

    def take(self, peer_bits, nap_s):
        """Takes a piece that the peer has out of the queue, for good; None when there is none."""
        while True:
            with self._lock:
                if not any(peer_bits[i] for i in self._left):
                    return None
                index = self._left.popleft()
                if peer_bits[index]:
                    return index
                self._left.append(index)
            time.sleep(random.uniform(0, nap_s))


class Conversation:
    """One connection and its thread."""

    def __init__(self, program, sock, address):
        self._program = program
        self._pieces = program.pieces
        self._say = program.say
        self._sock = sock
        self._ip = address[0]
        self._peer = endpoint_text(address)
        self._send_state = AT_REST
        self._recv_state = AT_REST
        self._peer_bits = None  # until the Bitfield came
        self._wanted = None  # the piece taken from the queue
        self._failures = collections.Counter()  # piece -> how often it failed its hash
        self._messages_since_bitfield = 0

    def run(self):
        try:
            self._send(BITFIELD, self._pieces.bits())
            self._receive_bitfield()
            while True:
                self._handle(*self._receive())
        except ThreadEnds as end:
            if end.violation:
                self._violation(end.reason, **end.fields)
            self._say("thread ended", reason=end.reason, peer=self._peer)
            self._program.conversation_over(self._ip)
            if not end.violation:
                self._stay_silent()
        except OSError:
            self._connection_error()
        # Nothing closes the socket: it lives as long as this object, which the program keeps.

    def _violation(self, what, **fields):
        self._say("violation", what=what, peer=self._peer, **fields)

    def _at_rest(self):
        return self._send_state == AT_REST and self._recv_state == AT_REST

    def _send(self, message_id, payload=b""):
        send_frame(self._sock, struct.pack(">iB", 1 + len(payload), message_id) + payload)

    def _receive(self):
        """(id, payload) of the next message."""
        try:
            body = recv_frame(self._sock)
        except EndOfFile as end:
            self._end_of_file(end)
        except FrameTooLarge:
            raise ThreadEnds("frame_too_large", violation=True) from None
        if len(body) < 4:
            raise ThreadEnds("malformed", violation=True)
        (length,) = struct.unpack_from(">i", body)
        if length == 0:
            raise ThreadEnds("keepalive", violation=True)
        if not 0 < length <= len(body) - 4:
            raise ThreadEnds("malformed", violation=True)
        message_id, payload, rest = body[4], body[5 : 4 + length], body[4 + length :]
        if rest and message_id != BITFIELD:
            self._violation("trailing_bytes")
        return message_id, payload

    def _end_of_file(self, end):
        if not end.inside_frame and self._at_rest():
            waiting = "eof_before_bitfield" if self._peer_bits is None else "eof_at_rest"
            raise ThreadEnds(waiting)
        self._violation("eof", state=f"{self._send_state}/{self._recv_state}")
        self._program.conversation_over(self._ip)
        while True:  # where the original spins
            time.sleep(1)

    def _connection_error(self):
        if not self._at_rest():
            self._violation("reset", state=f"{self._send_state}/{self._recv_state}")
        self._say("thread ended", reason="connection_error", peer=self._peer)
        self._program.conversation_over(self._ip)

    def _stay_silent(self):
        """Leaves what still comes unread, as the original does, but says so."""
        try:
            unread = self._sock.recv(len(SERVER_CLOSE_FRAME), socket.MSG_PEEK)
        except OSError:
            return
        if unread and unread != SERVER_CLOSE_FRAME:
            self._violation("after_thread_ended")

    def _receive_bitfield(self):
        message_id, bits = self._receive()
        if message_id != BITFIELD:
            raise ThreadEnds("first_not_bitfield", violation=True, id=message_id)
        if len(bits) != self._pieces.torrent.piece_count:
            raise ThreadEnds("bitfield_length", violation=True)
        self._peer_bits = bits
        self._wanted = self._pieces.take(bits, self._program.nap_s)
        if self._wanted is None:
            self._send(UNINTERESTED)
        else:
            self._recv_state = WAITING
            self._send(INTERESTED)

    def _handle(self, message_id, payload):
        self._messages_since_bitfield += 1
        self._refuse_what_ends_the_thread(message_id)
        if message_id == INTERESTED:
            if self._send_state == AT_REST:
                self._send_state = FLOWING
                self._send(UNCHOKE)
        elif message_id == UNINTERESTED:
            self._send_state = AT_REST
            self._rest_if_over()
        elif message_id == REQUEST:
            self._on_request(payload)
        elif message_id == UNCHOKE:
            if self._recv_state == WAITING:
                self._recv_state = FLOWING
                self._request()
        elif message_id == PIECE:
            self._on_piece(payload)
        elif message_id == CHOKE:
            self._violation("choke")

    def _refuse_what_ends_the_thread(self, message_id):
        if message_id == SERVER_CLOSE:
            raise ThreadEnds("server_close")
        if message_id == HAVE:
            raise ThreadEnds("have", violation=True)
        if message_id not in KNOWN_IDS:
            raise ThreadEnds("unknown_id", violation=True, id=message_id)
        if message_id == BITFIELD:
            raise ThreadEnds("second_bitfield", violation=True)
        if self._at_rest() and message_id != INTERESTED:
            if message_id == UNINTERESTED and self._messages_since_bitfield == 1:
                raise ThreadEnds("uninterested_at_rest")
            what = "choke" if message_id == CHOKE else "not_at_rest"
            raise ThreadEnds(what, violation=True, id=message_id)

    def _on_request(self, payload):
        if self._send_state != FLOWING:
            self._violation("request_while_choked")
            return
        if len(payload) != 4:
            raise ThreadEnds("malformed", violation=True)
        (index,) = struct.unpack(">i", payload)
        if not 0 <= index < self._pieces.torrent.piece_count:
            raise ThreadEnds("request_out_of_range", violation=True, piece=index)
        if not self._pieces.holds(index):
            raise ThreadEnds("request_for_lacked_piece", violation=True, piece=index)
        data = self._pieces.read(index)
        if index in self._program.corrupt:
            data = bytes([data[0] ^ 0xFF]) + data[1:]
        time.sleep(self._program.delay_s)
        self._send(PIECE, struct.pack(">i", index) + data)
        self._say("sent", piece=index, to=self._peer)

    def _request(self):
        self._send(REQUEST, struct.pack(">i", self._wanted))

    def _on_piece(self, payload):
        if len(payload) < 4:
            raise ThreadEnds("malformed", violation=True)
        (index,) = struct.unpack_from(">i", payload)
        data = payload[4:]
        if self._recv_state != FLOWING or index != self._wanted:
            self._violation("unrequested_piece", piece=index)
            return
        if not self._pieces.torrent.verifies(index, data):
            self._failures[index] += 1
            if self._failures[index].bit_count() == 1:
                self._say("bad", piece=index, times=self._failures[index], **{"from": self._peer})
            self._request()
            return
        last = self._pieces.add(index, data)
        self._say("got", piece=index, **{"from": self._peer})
        if last:
            self._program.complete()
        self._wanted = self._pieces.take(self._peer_bits, self._program.nap_s)
        if self._wanted is not None:
            self._request()
            return
        self._send(UNINTERESTED)
        self._recv_state = AT_REST
        self._rest_if_over()

    def _rest_if_over(self):
        if self._at_rest():
            self._say("rest", peer=self._peer)
            self._program.conversation_over(self._ip)


class OriginalPeer:
    """The program: its listener, its one announce, its dials, and what the threads share."""

    def __init__(self, args, torrent, say):
        self.say = say
        self.pieces = Pieces(torrent, args.data, indices(args.have, torrent.piece_count))
        self.corrupt = indices(args.corrupt, torrent.piece_count)
        self.delay_s = args.delay
        self.nap_s = args.nap
        self._tracker = None if args.no_tracker else args.tracker or torrent.announce
        self._leave = args.leave
        self._announce_ip = args.announce_ip
        self._bind = args.bind
        self._listener = socket.create_server((args.bind, args.port), backlog=128)
        self._port = self._listener.getsockname()[1]
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._over_at = {}  # IP -> when the last conversation with it was over
        self._conversations = []  # kept, so that no socket is ever closed

    def run(self, extra_peers):
        self.say("listening", port=self._port)
        threading.Thread(target=self._accept, daemon=True).start()
        held_everything = self.pieces.complete()
        named = self._announce("started") if self._tracker else []
        if held_everything:
            self.complete()
        for address in named + extra_peers:
            self._converse(self._dial(address), address, dialled="yes")
        while True:
            signal.pause()

    def complete(self):
        self.say("complete", seconds=f"{time.monotonic() - self._started:.3f}")
        if self._leave and self._tracker:
            threading.Thread(target=self._announce, args=("completed",), daemon=True).start()

    def conversation_over(self, ip):
        with self._lock:
            self._over_at[ip] = time.monotonic()

    def _accept(self):
        while True:
            sock, address = self._listener.accept()
            with self._lock:
                over_at = self._over_at.get(address[0])
            if over_at is not None:
                self.say("redial", seconds_since=f"{time.monotonic() - over_at:.3f}",
                         peer=endpoint_text(address))
            self._converse(sock, address, dialled="no")

    def _converse(self, sock, address, dialled):
        self.say("connected", peer=endpoint_text(address), dialled=dialled)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conversation = Conversation(self, sock, address)
        with self._lock:
            self._conversations.append(conversation)
        threading.Thread(target=conversation.run, daemon=True).start()

    def _dial(self, address):
        try:
            return socket.create_connection(address, source_address=(self._bind, 0))
        except OSError as error:
            print(f"original_peer: {endpoint_text(address)} refused us, ending: {error}",
                  file=sys.stderr, flush=True)
            os._exit(EXIT_REFUSED)

    def _announce(self, event):
        """One request on a connection of its own; the addresses in the answer."""
        request = {"port": self._port, "peer_id": PEER_ID, "event": event}
        if self._announce_ip:
            request["ip"] = self._announce_ip
        with self._dial(self._tracker) as sock:
            send_frame(sock, json.dumps(request).encode())
            answer = json.loads(recv_frame(sock))
        peers = answer.get("peers", [])
        self.say("announced", event=event, peers=len(peers), error_code=answer.get("error_code"))
        return [(peer["peer-ip"], peer["peer-port"]) for peer in peers]


def indices(text, count):
    """The set that `0-9,12`, `all`, `none` or the empty string names; None of None."""
    if text is None:
        return None
    if text == "all":
        return set(range(count))
    chosen = set()
    for span in [] if text in ("", "none") else text.split(","):
        first, _, last = span.partition("-")
        chosen.update(range(int(first), int(last or first) + 1))
    if not chosen <= set(range(count)):
        raise ValueError(f"{text}: the torrent has {count} pieces")
    return chosen


def arguments():
    parser = argparse.ArgumentParser(description="a peer with the habits of the original program")
    parser.add_argument("--torrent")
    parser.add_argument("--data", help="where held pieces are read and fetched ones written")
    parser.add_argument("--have", help="0-9,12|all|none, believed; default: what verifies")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--bind", default="127.0.0.1", help="listen on and dial from this address")
    parser.add_argument("--tracker", type=parse_endpoint, help="default: the torrent's")
    parser.add_argument("--no-tracker", action="store_true")
    parser.add_argument("--peer", type=parse_endpoint, nargs="+", action="extend", default=[],
                        metavar="HOST:PORT", help="dial these too")
    parser.add_argument("--announce-ip", help="the ip to put into the announce")
    parser.add_argument("--leave", action="store_true", help="send `completed` when complete")
    parser.add_argument("--corrupt", default="", help="serve these pieces with one byte flipped")
    parser.add_argument("--delay", type=float, default=0, help="seconds before each Piece")
    parser.add_argument("--nap", type=float, default=1,
                        help="longest sleep, in seconds, for a piece that the other lacks")
    parser.add_argument("--log", help="append the event lines to this file too")
    parser.add_argument("--make", metavar="FILE", help="write a torrent of FILE, and nothing else")
    parser.add_argument("--announce", type=parse_endpoint, help="with --make")
    parser.add_argument("--piece-length", type=int, help="with --make")
    parser.add_argument("-o", "--out", help="with --make")
    args = parser.parse_args()
    if args.make and not (args.announce and args.piece_length and args.out):
        parser.error("--make needs --announce, --piece-length and -o")
    if not args.make and not (args.torrent and args.data):
        parser.error("--torrent and --data are needed")
    return args


def main():
    args = arguments()
    if args.make:
        torrent_file.make(args.make, args.announce, args.piece_length, args.out)
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    torrent = torrent_file.load(args.torrent)
    OriginalPeer(args, torrent, EventLines(args.log)).run(args.peer)


if __name__ == "__main__":
    main()
