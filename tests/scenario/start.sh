#!/bin/bash
# A daemon that starts with hundreds of torrents tells the service manager that it is ready,
# and what becomes of them. What was complete and has not changed is not hashed again.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

count=300
missing=3
log=$work/host/log

# What the daemon tells the service manager, a line each.
start_listener() {
  start manager "$python" -u -c 'import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
print("bound")
while True: print(manager.recv(4096).decode())' "$work/notify"
  wait_for_line "$work/manager/out" '^bound$'
}
hashed() { count_lines "$log" ' torrent\.checking '; }
announced() { wait_until 30 has_lines "$log" ' tracker\.reached ' "$count"; }

start_tracker
start_listener
mkdir -p "$work/host"/{torrents,downloads}
"$python" "$support/make_many.py" --missing "$missing" "$count" 4096 "$tracker" \
  "$work/host/downloads" "$work/host/torrents"
export NOTIFY_SOCKET=$work/notify
start_peer host
check "it says that it is ready" wait_for_line "$work/manager/out" '^READY=1$'
check "all torrents are announced" announced
check "each was hashed once" test "$(hashed)" = "$count"
check "the service manager knows what became of them" \
  wait_for_line "$work/manager/out" "^STATUS=Downloading $missing, seeding $((count - missing))\$"
check_exit "it stops in order" 0 stop_in_time host
check "and says so" grep -q '^STOPPING=1$' "$work/manager/out"

start_peer host
check "after a restart all are announced again" announced
check "and none was hashed" test "$(hashed)" = 0
check "none was refused by the tracker" test "$(count_lines "$log" ' tracker\.failed ')" = 0

for torrent in "$work"/host/torrents/*.torrent; do
  hash_of "$torrent"
done >"$work/hashes"
while read -r hash; do : >"$work/host/state/$hash.recheck"; done <"$work/hashes"
check "all can be verified again" wait_until 30 has_lines "$log" ' torrent\.checked ' "$count"
check "and come to what they were" wait_until 20 has_status host file00000 state seeding
check_exit "it stops in order" 0 stop_in_time host
finish
