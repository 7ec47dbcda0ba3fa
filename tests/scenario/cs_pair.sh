#!/bin/bash
# peerctl serve and peerctl fetch, the plain transfer: sizes, many at once, servers and clients that
# misbehave, memory, and the original framing to the byte.
#
#   LONG  not empty: also wait for the minute after which a server that stands still is given up
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

peerctl=$BIN/peerctl
length=$((3 * 1024 * 1024 + 7))

# serve NAME FILE: sets ${ports[NAME]}.
serve() {
  start "$1" "$peerctl" serve "$2" --listen 127.0.0.1:0
  wait_for_line "$work/$1/out" ' on 127\.0\.0\.1:[0-9]+$'
  ports[$1]=$(sed -n 's/.* on 127\.0\.0\.1:\([0-9]*\)$/\1/p' "$work/$1/out" | tail -n 1)
}
fetch() { "$peerctl" fetch "127.0.0.1:${ports[$1]}" -o "$2"; }

# fake NAME PYTHON: a server that does that with `client`, once connected.
fake() {
  start "$1" "$python" -c '
import socket, struct, sys
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    header = lambda length: client.sendall(struct.pack(">Q", length))
    exec(sys.argv[1])
    client.close()' "$2"
  wait_for_line "$work/$1/out" '^port '
  ports[$1]=$(sed -n 's/^port //p' "$work/$1/out")
}

# left_over: what is in the directory that files are fetched to.
target=$work/target
mkdir "$target"
nothing_left() { [ -z "$(ls -A "$target")" ] || { ls -A "$target" && false; }; }

# fails SENTENCE STATUS SERVER REGEX: fetching from it exits so, says so, and leaves nothing.
fails() {
  check_exit "$1" "$2" fetch "$3" "$target/file"
  cp "$work/check.out" "$work/said"
  check "… and says why" grep -Eq -- "$4" "$work/said"
  check "… and leaves nothing behind" nothing_left
}

sizes() {
  local bytes
  for bytes in 0 1 "$length"; do
    random_file "$bytes" "$work/$bytes.bin"
    serve "serve$bytes" "$work/$bytes.bin"
    check_exit "a file of $bytes bytes is fetched" 0 fetch "serve$bytes" "$target/$bytes.bin"
    check "the copy is equal" cmp "$work/$bytes.bin" "$target/$bytes.bin"
  done
  server=serve$length file=$work/$length.bin
  check "nothing else is there" test "$(find "$target" -type f | wc -l)" = 3
  check "who has read it may read the copy" \
    test "$(stat -c %a "$target/$length.bin")" = "$(printf '%o' $((0666 & ~$(umask))))"
  rm "$target"/*
}

# The original client: reads the header, then the body, and sends nothing.
original_framing() {
  "$python" -c '
import socket, struct, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
stream = sock.makefile("rb")
(length,) = struct.unpack(">Q", stream.read(8))
open(sys.argv[2], "wb").write(stream.read(length))
assert stream.read(1) == b"", "more than the frame"' "${ports[$server]}" "$work/original"
  cmp "$file" "$work/original"
}

# client PYTHON: does that with `sock`, connected to the small server.
client() {
  "$python" -c '
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
exec(sys.argv[2])' "${ports[serve1]}" "$1"
}
# says COUNT REGEX: the small server has said that so many times; nothing else than expected.
says() { wait_until 10 has_lines "$work/serve1/out" "$2" "$1"; }
told() { check "which is said" says "$1" "^broken off to 127\.0\.0\.1:[0-9]+: $2"; }

# What the server says of clients. Of one byte, so that all is sent at once to each of them.
takers() {
  local sent='^sent to 127\.0\.0\.1:[0-9]+: 1 bytes in '
  check "a client that took everything is told of" says 1 "$sent"
  check "one that looks at nothing is there" client 'sock.recv(1, socket.MSG_PEEK)'
  told 1 'recv: Connection reset'
  check "one that takes half of it is there" client 'sock.recv(8)'
  told 2 '(recv|send): '
  check "one that leaves at once is there" client 'pass'
  told 3 '(recv|send): '
  check "one that speaks TLS is there" client '
sock.sendall(b"\x16\x03\x01\x00\x05hello")
while sock.recv(100): pass'
  told 1 'tls_not_configured$'
  check "none of them has taken everything" test "$(count_lines "$work/serve1/out" "$sent")" = 1
  check "one that ends its own direction first is there" client '
sock.shutdown(socket.SHUT_WR)
while sock.recv(100): pass'
  check "and has taken everything" says 2 "$sent"
}

many_at_once() {
  local clients=() n
  for n in {1..8}; do
    fetch "$server" "$target/$n" 2>"$work/client$n.log" &
    clients+=($!)
  done
  for n in {1..8}; do
    check "client $n of eight is served" wait "${clients[n - 1]}"
    check "its copy is equal" cmp "$file" "$target/$n"
  done
  rm "$target"/*
}

replaces() {
  echo old >"$target/file"
  check_exit "a file that is there is replaced" 0 fetch "$server" "$target/file"
  check "by the whole of the new one" cmp "$file" "$target/file"
  echo old >"$target/file"
  check_exit "but not by part of one" 76 fetch short "$target/file"
  check "the old one is as it was" test "$(cat "$target/file")" = old
  check "nothing else is there" test "$(ls -A "$target")" = file
  rm "$target/file"
}

# A server is killed in the middle: some of the file has arrived, and the file is not there.
killed() {
  random_file 64MiB "$work/large.bin"
  serve doomed "$work/large.bin"
  start slow "$python" "$support/throttle.py" "127.0.0.1:${ports[doomed]}" $((8 << 20))
  wait_for_line "$work/slow/out" '^listening port='
  ports[slow]=$(sed -n 's/^listening port=//p' "$work/slow/out")
  start cut "$peerctl" fetch "127.0.0.1:${ports[slow]}" -o "$target/file"
  # It has no name as yet, but its process has it open.
  some_arrived() {
    local fd
    for fd in "/proc/${pids[cut]}/fd"/*; do
      if [[ $(readlink "$fd") == "$target"/* ]]; then
        cmp -s -n 65536 "$fd" "$work/large.bin"
        return
      fi
    done
    return 1
  }
  check "a transfer is on its way" wait_until 10 some_arrived
  check "and FILE is not there yet" test ! -e "$target/file"
  stop doomed KILL || true
  local pid=${pids[cut]} status=0
  unset "pids[cut]"
  wait "$pid" || status=$?
  check "when the server dies, the client fails ($status)" test "$status" = 76 -o "$status" = 69
  check "and says that it is cut off" grep -q 'peerctl: 127\.0\.0\.1:[0-9]*: truncated got=[0-9]* expected=' "$work/cut/out"
  check "and leaves nothing behind" nothing_left
}

bad_servers() {
  fake short 'header(1000); client.sendall(b"x" * 10)'
  fails "a server that closes too early" 76 short "peerctl: 127\.0\.0\.1:${ports[short]}: truncated .*10.*1000"
  fake cut_header 'client.sendall(b"\0\0\0\0")'
  fails "a server that closes within the header" 76 cut_header truncated
  fake silent 'pass'
  fails "a server that closes at once" 76 silent truncated
  fake negative 'header(1 << 63); client.sendall(b"x" * 10)'
  fails "a length of 2^63" 76 negative 'frame_too_large length=9223372036854775808'
  fake huge 'header(1 << 62); client.sendall(b"x" * 10)'
  fails "a length that no disk has room for" 73 huge "$target/file: reserve"
  fake reset 'header(1000); client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))'
  fails "a server that breaks the connection" 69 reset "peerctl: 127\.0\.0\.1:${ports[reset]}: .*reset by peer"
  fake longer 'header(3); client.sendall(b"abcdef")'
  check_exit "what comes behind the frame is not read" 0 fetch longer "$target/file"
  check "the file is what the frame holds" test "$(cat "$target/file")" = abc
  rm "$target/file"

  ports[nobody]=1
  fails "a port where nobody listens" 69 nobody '127\.0\.0\.1:1: .*refused'
  check_exit "a directory that is not there" 73 fetch "$server" "$work/nowhere/file"
  check_exit "fetch without -o" 64 "$peerctl" fetch "127.0.0.1:${ports[$server]}"
  check_exit "serving a file that is not there" 66 "$peerctl" serve "$work/nowhere/file"
  check_exit "serving a directory" 66 "$peerctl" serve "$work"
}

# A server whose queue is full: connecting takes for ever. Runs beside the rest.
stuck_begin() {
  start stuck "$python" -c '
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
name = listener.getsockname()
queue = [socket.socket() for _ in range(4)]
for sock in queue:
    sock.setblocking(False)
    sock.connect_ex(name)
print("port", name[1], flush=True)
time.sleep(600)'
  wait_for_line "$work/stuck/out" '^port '
  ports[stuck]=$(sed -n 's/^port //p' "$work/stuck/out")
  mkdir "$work/stuck.target"
  start waiting "$peerctl" fetch "127.0.0.1:${ports[stuck]}" -o "$work/stuck.target/file"
  [ -n "${LONG:-}" ] || return 0
  fake standing 'header(1000); client.sendall(b"x" * 10); import time; time.sleep(600)'
  mkdir "$work/standing.target"
  start standing_client "$peerctl" fetch "127.0.0.1:${ports[standing]}" -o "$work/standing.target/file"
}
stuck_end() {
  local pid=${pids[waiting]}
  unset "pids[waiting]"
  check_exit "a server that takes no connection" 69 wait "$pid"
  check "… and says why" grep -Eq 'peerctl: .*timed out' "$work/waiting/out"
  check "… and leaves nothing behind" test -z "$(ls -A "$work/stuck.target")"
  [ -n "${LONG:-}" ] || return 0
  pid=${pids[standing_client]}
  unset "pids[standing_client]"
  check_exit "a server that stands still in the middle" 75 wait "$pid"
  check "… and says why" grep -Eq 'peerctl: .*timed out' "$work/standing_client/out"
  check "… and leaves nothing behind" test -z "$(ls -A "$work/standing.target")"
}

# Most of it a hole, with data at the start, across 4 GiB and at the end. In memory if there is
# plenty: nobody's disk should be slowed down.
sparse() {
  local directory=$work size=$((4 * 1024 * 1024 * 1024 + 5 * 1024 * 1024 + 3)) free
  free=$(df --output=avail -B1 /dev/shm 2>/dev/null | tail -n 1 | grep '[0-9]' || echo 0)
  # Reading a hole there takes a page for good.
  if [ "$free" -gt $((6 << 30)) ] && [ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -gt $((10 << 20)) ]; then
    directory=$(mktemp -d /dev/shm/piecework.XXXXXX)
    scratch+=("$directory")
  fi
  local sparse=$directory/sparse.bin
  random_file 1MiB "$work/patch" 3
  truncate -s "$size" "$sparse"
  dd if="$work/patch" of="$sparse" conv=notrunc status=none
  dd if="$work/patch" of="$sparse" bs=512K seek=$((8191 * 512 * 1024)) oflag=seek_bytes conv=notrunc status=none
  dd if="$work/patch" of="$sparse" bs=1M seek=$((size - 1048576)) oflag=seek_bytes conv=notrunc status=none
  if [ "$(stat -c %b "$sparse")" -gt 100000 ]; then
    echo "skip - a file beyond 4 GiB: $directory cannot hold it as a hole"
    return
  fi
  serve sparse "$sparse"
  # shellcheck disable=SC2016 # for the inner shell to expand
  check "a file beyond 4 GiB goes through a pipe, equal" bash -o pipefail -c '
    "$1" -c "import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], \"w\"))
sys.exit(status)" "$2" "$3" fetch "$4" -o - | cmp - "$5"' \
    inner "$python" "$work/maxrss" "$peerctl" "127.0.0.1:${ports[sparse]}" "$sparse"
  local served fetched
  fetched=$(cat "$work/maxrss")
  served=$(awk '/^VmHWM:/ { print $2 }' "/proc/${pids[sparse]}/status")
  if grep -Eqa '__(a|t)san_init' "$peerctl"; then
    echo "skip - memory: a sanitizer needs its own"
  else
    check "fetch needed $fetched KiB of memory for that" test "$fetched" -lt 32768
    check "serve needed $served KiB" test "$served" -lt 32768
  fi

  # One that reads no further than the header holds nobody up.
  start idler "$python" -c 'import socket, sys, time
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.recv(8)
print("connected", flush=True)
time.sleep(600)' "${ports[sparse]}"
  wait_for_line "$work/idler/out" connected
  check "the server stops in time, clients or not" stop_in_time sparse
  check "and says whom it cut off" grep -q '^broken off to 127\.0\.0\.1:' "$work/sparse/out"
}

stuck_begin
sizes
check "a client of the original kind gets exactly the frame" original_framing
takers
many_at_once
bad_servers
replaces
killed
sparse
check "a server stops in time" stop_in_time "$server"
stuck_end
finish
