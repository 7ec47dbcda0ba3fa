#!/bin/bash
# `allow` and `deny`: who is denied is neither accepted nor dialled nor handed out, and HUP shows those
# out who are there already. The hosts are addresses of the loopback.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# reload NAME YAML CHANGED
reload() {
  printf '%b' "$2" >"$work/$1.yaml"
  kill -HUP "${pids[$1]}"
  wait_for_line "$work/$1/log" "config.reloaded changed=$3( |\$)"
}
# from NAME SOURCE PORT [REQUEST]: a connection in the background.
from() {
  local name=$1 source=$2
  shift 2
  start "$name" "$python" "$support/connect_from.py" "$source" 127.0.0.1 "$@"
}
closed() { wait_for_line "$work/$1/out" '^closed '; }
# denied NAME COUNT: its status file counts that many, or more.
denied() {
  [ "$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["denied"])' \
    "$work/$1/status.json")" -ge "$2" ]
}
has_no_line() { ! grep -Eq -- "$2" "$1"; }

printf 'trust_ip_from: ["127.0.0.0/8"]\n' >"$work/tracker.yaml"
start_tracker --config "$work/tracker.yaml" --set announce_interval=60s
random_file 4MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 65536
for host in 2 3; do
  address=127.0.0.$host
  : >"$work/host$host.yaml"
  start_peer host$host --config "$work/host$host.yaml" --set announce_address=$address --set upload_limit=1MiB
  cp "$work/file.bin" "$work/host$host/downloads/"
  drop host$host "$work/file.torrent"
  check "host $host seeds" wait_for_line "$work/host$host/log" 'tracker.reached'
done
address=127.0.0.1

printf 'deny: ["127.0.0.2"]\n' >"$work/leecher.yaml"
start_peer leecher --config "$work/leecher.yaml"
drop leecher "$work/file.torrent"
check "who is denied is not dialled" \
  wait_for_line "$work/leecher/log" 'peer.not_dialled peer=127.0.0.2:[0-9]+ reason=denied'
check "who is not denied is" wait_for_line "$work/leecher/log" 'peer.connected peer=127.0.0.3:'
check "and only that one" has_no_line "$work/leecher/log" 'peer.connected peer=127.0.0.2:'
check "HUP takes over another list" reload leecher 'deny: ["127.0.0.3/32", "::/0"]\n' deny
check "who is denied now is shown out" \
  wait_for_line "$work/leecher/log" 'peer.closed peer=127.0.0.3:.* reason=denied'
check "and counted" wait_until 5 denied leecher 1
check "in good order" wait_for_line "$work/host3/log" 'peer.closed .*reason=closed_by_peer'
check "who is not any more is dialled" wait_for_line "$work/leecher/log" 'peer.connected peer=127.0.0.2:'
check "and the file comes from there" wait_complete leecher
check "whole" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"

# Those who come. They stay silent, so nothing but the list can send them away.
port=${ports[leecher]}
from silent 127.0.0.8 "$port"
wait_for_line "$work/silent/out" '^connected'
check "HUP takes over whom to allow" reload leecher 'deny: ["127.0.0.3"]\nallow: ["127.0.0.0/29"]\n' 'allow,deny'
check "a connection that has not said what it wants is shown out" closed silent
# On a busy machine the daemon may not have come to accept it yet.
check "which is said" wait_for_line "$work/leecher/log" \
  '(peer.refused peer=127.0.0.8:|connection.refused address=127.0.0.8 ).*reason=denied'
for i in $(seq 12); do from "flood$i" 127.0.0.9 "$port"; done
for i in $(seq 12); do closed "flood$i" >/dev/null || not_ok "number $i was let in"; done
check "who is not allowed is refused when it comes" \
  wait_for_line "$work/leecher/log" 'connection.refused address=127.0.0.9 reason=denied'
check "a flood of them has three lines in the log" \
  test "$(count_lines "$work/leecher/log" 'connection.refused address=127.0.0.9')" = 3
check "and all are counted" wait_until 5 denied leecher 14
from deny_first 127.0.0.3 "$port"
check "who is both allowed and denied is denied" closed deny_first
from allowed 127.0.0.4 "$port"
check "who is allowed is not refused" wait_for_line "$work/allowed/out" '^connected'
printf 'deny: [10.0.0.0/33]\n' >"$work/leecher.yaml"
kill -HUP "${pids[leecher]}"
check "a list with a mistake changes nothing" \
  wait_for_line "$work/leecher/log" 'config.rejected reason=.*leecher.yaml:1:8: deny: must be a network'
check "and shows nobody out" has_no_line "$work/allowed/out" '^closed'

# The tracker. It is asked from host 1, and host 5 comes and is denied.
announce() { # PORT [MORE]
  echo '{"port": '"$1"', "peer_id": "x", "event": "started", "info_hash": "'"$(printf 'ab%.0s' {1..32})"'"'"${2:-}"'}'
}
from five 127.0.0.5 "${ports[tracker]}" "$(announce 5)"
wait_for_line "$work/five/out" '^answer .*"error_code":0'
ask() { "$python" "$support/ask_tracker.py" 127.0.0.1 "${ports[tracker]}" "$@"; }
check "a peer is handed out" grep -q '"peer-ip":"127.0.0.5"' <(ask "$(announce 1)")
check "HUP takes over whom the tracker denies" \
  reload tracker 'trust_ip_from: ["127.0.0.0/8"]\ndeny: ["127.0.0.5"]\n' deny
check "its connection is closed" closed five
check "which is said" wait_for_line "$work/tracker/log" 'connection.closed peer=127.0.0.5:.* reason=denied'
check "it is not handed out any more" grep -q '"num-of-peer":0' <(ask "$(announce 1)")
check "nobody may announce it, trusted or not" \
  grep -q '"error_code":1,"message":"denied"' <(ask "$(announce 5 ', "ip": "127.0.0.5"')")
from again 127.0.0.5 "${ports[tracker]}"
check "it is refused when it comes again" closed again
check "which is said" wait_for_line "$work/tracker/log" 'connection.refused address=127.0.0.5 reason=denied'
check "and counted" wait_until 5 denied tracker 2
for name in host2 host3 leecher; do check_exit "$name exits 0 on TERM" 0 stop $name; done
check_exit "the tracker exits 0 on TERM" 0 stop tracker
finish
