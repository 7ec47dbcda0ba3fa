#!/bin/bash
# Everything over IPv6: tracker, peers, and the plain transfer.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$python" -c 'import socket; socket.create_server(("::1", 0), family=socket.AF_INET6)' 2>/dev/null ||
  skip "this host has no [::1]"
address='[::1]'

start_tracker
check "the tracker listens on [::1]" grep -Eq ' listening address=\[::1\]:[0-9]+$' "$work/tracker/log"
random_file 4MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
start_peer seeder
start_peer leecher
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
check "the seeder reaches the tracker" wait_for_line "$work/seeder/log" 'tracker\.reached tracker=\[::1\]:'
drop leecher "$work/file.torrent"
check "the leecher completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
check "peers are called by their IPv6 address" \
  grep -Eq " peer\.connected peer=\[::1\]:[0-9]+ " "$work/leecher/log"
check "nobody was reached another way" \
  test "$(cat "$work"/*/log | grep -c '127\.0\.0\.1')" = 0

# serve and fetch, too.
start server "$BIN/peerctl" serve "$work/file.bin" --listen '[::1]:0'
wait_for_line "$work/server/out" ' on \[::1\]:[0-9]+$'
server=$(sed -n 's/.* on \(\[::1\]:[0-9]*\)$/\1/p' "$work/server/out")
check_exit "a file is fetched from [::1]" 0 "$BIN/peerctl" fetch "$server" -o "$work/fetched"
check "the copy is equal" cmp "$work/file.bin" "$work/fetched"
check_exit "nobody listens on 127.0.0.1" 69 \
  "$BIN/peerctl" fetch "127.0.0.1:${server##*:}" -o "$work/other"
for name in server leecher seeder tracker; do check "$name stops in time" stop_in_time "$name"; done
finish
