#!/bin/bash
# shellcheck disable=SC2317  # functions are called by name, through check and wait_until
# The tracker as its neighbours meet it: the original protocol, the extensions, bad input of every
# kind, configuration and signals. Real trackerd on loopback, ports chosen by the kernel.

# shellcheck source=tests/scenario/lib.sh
. "$(dirname "$0")/lib.sh"

HASH=$(printf 'a%.0s' {1..64})
OTHER_HASH=$(printf 'b%.0s' {1..64})
TRACKERD=$BIN/trackerd
LOG=$work/main/log
DISCONNECT='{"error_code":0,"message":"disconnect ACK"}'

# ask REQUEST…: on one connection to the tracker at $HOST:$PORT.
ask() { "$python" "$support/ask_tracker.py" "$HOST" "$PORT" "$@"; }

# request PORT [EVENT [MORE]]: MORE is further members.
request() {
  printf '{"port": %s, "peer_id": "127.0.0.1:5555", "event": "%s"%s}' \
    "$1" "${2:-started}" "${3:+, $3}"
}

# start_at NAME OPTION…: a tracker whose log is $work/NAME/log; sets HOST and PORT.
start_at() {
  local name=$1
  shift
  start "$name" "$TRACKERD" --set "log.file=$work/$name/log" \
    --set "status_file=$work/$name/status.json" "$@"
  HOST=127.0.0.1
  PORT=$(listening_port "$name")
}

# stop_in_time NAME: stops it; fails when that takes more than five seconds or it does not exit 0.
stop_in_time() {
  local pid=${pids[$1]}
  kill -TERM "$pid"
  wait_until 5 is_gone "$pid" || kill -KILL "$pid"
  stop "$1"
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }

# same ACTUAL EXPECTED
same() {
  [[ $1 == "$2" ]] || {
    printf 'got:      %s\nexpected: %s\n' "$1" "$2"
    return 1
  }
}

# like ACTUAL REGEX
like() {
  [[ $1 =~ $2 ]] || {
    printf 'got:      %s\nnot like: %s\n' "$1" "$2"
    return 1
  }
}

# json_holds TEXT EXPRESSION: a Python expression in which `r` is the parsed text.
json_holds() {
  "$python" -c 'import json, sys
r = json.loads(sys.argv[1])
if not eval("(" + sys.argv[2] + ")"):
    sys.exit("%s does not hold for %s" % (sys.argv[2], sys.argv[1]))' "$1" "$2"
}

# A client that sends a request of 64 bytes, one a second; prints for how many whole seconds it was
# suffered.
slow_client() {
  "$python" -c '
import socket, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.settimeout(1)
start = time.monotonic()
try:
    for byte in bytes(7) + bytes([64]) + b" " * 64:
        sock.send(bytes([byte]))
        try:
            if not sock.recv(1):
                break
        except socket.timeout:
            pass
except OSError:
    pass
print(int(time.monotonic() - start))' "$HOST" "$PORT"
}

# closes_after HEX: sends those bytes, and succeeds when the tracker then closes.
closes_after() {
  "$python" -c '
import socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
sock.sendall(bytes.fromhex(sys.argv[3]))
try:
    answer = sock.recv(1)
except ConnectionResetError:
    answer = b""
sys.exit(1 if answer else 0)' "$HOST" "$PORT" "$1"
}

original_protocol() {
  check "the first original learns of nobody" same "$(ask "$(request 1)")" \
    '{"error_code":0,"message":"started ACK","num-of-peer":0,"peers":[]}'
  check "the second original learns of the first, to the byte" same "$(ask "$(request 2)")" \
    '{"error_code":0,"message":"started ACK","num-of-peer":1,"peers":[{"peer-id":"127.0.0.1:5555","peer-port":1,"peer-ip":"127.0.0.1"}]}'
  check "an asker is not named to itself" json_holds "$(ask "$(request 1)")" \
    '[p["peer-port"] for p in r["peers"]] == [2]'
  check "completed leaves" same "$(ask "$(request 2 completed)")" "$DISCONNECT"
  check "stopped leaves" same "$(ask "$(request 1 stopped)")" "$DISCONNECT"
  check "a leave by somebody unknown is answered the same" \
    same "$(ask "$(request 9 completed)")" "$DISCONNECT"
  check "whoever left is forgotten" json_holds "$(ask "$(request 3)")" 'r["peers"] == []'
  ask "$(request 3 completed)" >/dev/null
  check "several requests go over one connection" \
    same "$(ask "$(request 1)" "$(request 1 completed)" "$(request 2 stopped)" | wc -l)" 3
}

swarms() {
  local mine="\"info_hash\": \"$HASH\", \"left\": 0"
  local other="\"info_hash\": \"$OTHER_HASH\", \"left\": 5"
  local answer
  ask "$(request 11 started "$mine")" "$(request 12 started "$other")" "$(request 13)" >/dev/null
  answer=$(ask "$(request 14 started "$mine")")
  check "a swarm is its info_hash alone" json_holds "$answer" \
    '[p["peer-port"] for p in r["peers"]] == [11]'
  check "an answer to one of ours has the extension keys" json_holds "$answer" \
    '(r["interval"], r["complete"], r["incomplete"], r["observed-ip"]) == (60, 2, 0, "127.0.0.1")
     and 0 < r["observed-port"] < 65536 and r["min-interval"] <= r["interval"]'
  check "ours without info_hash meets the originals in the default swarm" \
    json_holds "$(ask "$(request 15 started '"left": 7')")" \
    '[p["peer-port"] for p in r["peers"]] == [13] and r["interval"] == 60'
  local many=() port
  for port in {101..112}; do many+=("$(request "$port")"); done
  ask "${many[@]}" >/dev/null
  check "the default swarm names the eight most recent" json_holds "$(ask "$(request 13)")" \
    '[p["peer-port"] for p in r["peers"]] == list(range(112, 104, -1))'
  check "numwant bounds the answer" \
    json_holds "$(ask "$(request 13 started '"numwant": 2')")" 'r["num-of-peer"] == 2'
  if [[ -n $HAVE_IPV6 ]]; then
    HOST=::1
    check "an IPv6 peer joins a hashed swarm" json_holds "$(ask "$(request 21 started "$mine")")" \
      'len(r["peers"]) == 2 and r["observed-ip"] == "::1"'
    ask "$(request 22)" >/dev/null
    HOST=127.0.0.1
    check "and is named there to IPv4 peers" json_holds "$(ask "$(request 11 started "$mine")")" \
      '"::1" in [p["peer-ip"] for p in r["peers"]]'
    check "but never in the default swarm" json_holds "$(ask "$(request 13)")" \
      '"::1" not in [p["peer-ip"] for p in r["peers"]]'
  fi
}

bad_requests() {
  local key value answer
  while read -r key value; do
    answer=$(ask "$(request 1 started "\"$key\": $value")")
    check "$key = $value is refused naming the key" \
      json_holds "$answer" "r['error_code'] == 1 and '$key' in r['message']"
  done <<'END'
port 2
event "paused"
left -1
left 18446744073709551616
numwant "many"
info_hash "abc"
info_hash 7
ip "localhost"
END
  check "a missing key is named" json_holds "$(ask '{"port": 1, "event": "started"}')" \
    'r["error_code"] == 1 and "peer_id" in r["message"]'
  check "a port out of range is named" json_holds "$(ask "$(request 65536)")" \
    'r["error_code"] == 1 and "port" in r["message"]'
  local deep
  deep=$(printf '[%.0s' {1..5000})
  for value in '' '{' 'garbage' 'null' '[]' "$deep" $'\xff\xfe' "$(request 1) x"; do
    answer=$(ask "$value" "$(request 1 completed)")
    check "'${value:0:12}' is refused and the connection goes on" json_holds "${answer%%$'\n'*}" \
      'r["error_code"] == 1 and r["message"]'
    check "the request after '${value:0:12}' is served" same "${answer##*$'\n'}" "$DISCONNECT"
  done
}

broken_frames() {
  check "a frame over the bound closes the connection" closes_after 0000000000004001
  check "a frame of 2^63 bytes closes the connection" closes_after 8000000000000000
  wait_for_line "$LOG" ' reason=frame_too_large length=9223372036854775808 limit=16384' 5
  check "the log says length and limit of the frame" same \
    "$(count_lines "$LOG" 'warn connection.closed peer=127.0.0.1:[0-9]+ reason=frame_too_large length=16385 limit=16384$')" 1
  check "a connection without a request is no event" \
    same "$("$python" -c 'import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()' "$HOST" "$PORT" &&
      count_lines "$LOG" 'end_of_stream')" 0
}

foreign_addresses() {
  ask "$(request 31 started '"ip": "10.1.2.3"')" "$(request 32 started '"ip": "10.1.2.4"')" >/dev/null
  check "a foreign ip is ignored" json_holds "$(ask "$(request 33)")" \
    '{p["peer-ip"] for p in r["peers"]} == {"127.0.0.1"}'
  wait_for_line "$LOG" 'announce.ip_ignored peer=127.0.0.1:31 ip=10.1.2.3' 5
  check "and logged once" same "$(count_lines "$LOG" announce.ip_ignored)" 1
}

expiry() {
  start_at short --set listen=127.0.0.1:0 --set announce_interval=1s
  local mine="\"info_hash\": \"$HASH\""
  ask "$(request 1 started "$mine")" "$(request 2)" >/dev/null
  alone() { json_holds "$(ask "$(request 3 started "$mine")")" 'r["peers"] == []' 2>/dev/null; }
  check "a peer is listed while its last announce is recent" json_holds \
    "$(ask "$(request 3 started "$mine")")" 'len(r["peers"]) == 1'
  check "a peer that does not renew is gone after 2.5 intervals" wait_until 10 alone
  check "an original, which never renews, stays" json_holds "$(ask "$(request 4)")" \
    '[p["peer-port"] for p in r["peers"]] == [2]'
  check "a tracker stops with 0" stop_in_time short
}

configuration() {
  local file=$work/c.yaml text position
  while IFS='|' read -r text position; do
    printf '%b' "$text" >"$file"
    local status=0 output
    output=$("$TRACKERD" --test-config --config "$file" 2>&1) || status=$?
    check "'$text' stops the start with 78" same "$status" 78
    check "'$text' is placed" like "$output" "^$file:$position"
  done <<'END'
lissen: []|1:1: lissen: unknown key .did you mean listen
max_peers: 1\nmax_swarms: 1\nmax_peers: 2|3:1: max_peers: duplicate key
log:\n  level: loud|2:10: log.level: must be
announce_interval: [60s]|1:20: announce_interval: must be
max_peers: 0|1:12: max_peers: must be
max_peers: [|1:[0-9]+: |2:
END
  check_exit "a missing file that was named stops the start with 78" 78 \
    "$TRACKERD" --test-config --config "$work/none.yaml"
  check_exit "an unknown option exits 64" 64 "$TRACKERD" --frob
  check "a good file is fine" "$TRACKERD" --test-config --config "$here/../../config/trackerd.yaml"
  "$TRACKERD" --set max_peers=7 --set 'trust_ip_from=10.0.0.0/8' --dump-config >"$file"
  check "the dump loads back to itself" \
    same "$("$TRACKERD" --config "$file" --dump-config)" "$(cat "$file")"
  check_exit "a log that cannot be opened stops the start with 73" 73 \
    "$TRACKERD" --set log.file=/dev/null/x --set listen=127.0.0.1:0
  check_exit "a port that is taken stops the start" 69 \
    "$TRACKERD" --set log.file=- --set "listen=127.0.0.1:$PORT"
}

signals() {
  local config=$work/live.yaml log=$work/live/log
  printf 'max_swarms: 5\n' >"$config"
  start_at live --config "$config" --set listen=127.0.0.1:0
  printf 'announce_interval: 30s\nmax_connections: 9\n' >>"$config"
  kill -HUP "${pids[live]}"
  check "HUP applies what has changed, and says so" wait_for_line "$log" \
    'config.reloaded changed=.*announce_interval' 5
  check "the new interval is told at once" \
    json_holds "$(ask "$(request 1 started '"left": 0')")" 'r["interval"] == 30'
  echo 'max_peers: many' >>"$config"
  kill -HUP "${pids[live]}"
  check "HUP with a bad file is rejected" wait_for_line "$log" \
    'config.rejected reason=".*live.yaml:4:12: max_peers: must be' 5
  printf 'metrics_file: %s\nlog: {level: debug}\n' "$work/live/x.prom" >"$config"
  kill -HUP "${pids[live]}"
  check "HUP moves the metrics file and the level of the log" wait_for_line "$log" \
    'config.reloaded changed=.*metrics_file,log.level needs_restart=""' 5
  check "which has begun" test -s "$work/live/x.prom"
  printf 'metrics_file: ""\nannounce_interval: 30s\n' >"$config"
  kill -HUP "${pids[live]}"
  check "an empty key takes it away" wait_until 5 test ! -e "$work/live/x.prom"
  mv "$log" "$log.1"
  kill -USR1 "${pids[live]}"
  wait_until 5 test -e "$log"
  check "after USR1 and a bad HUP it serves as before" \
    json_holds "$(ask "$(request 1 started '"left": 0')")" 'r["interval"] == 30'
  ask x >/dev/null
  check "after USR1 it logs to a new file" wait_for_line "$log" announce.refused 5
  check "the status file counts" wait_for_line "$work/live/status.json" '"announces": 3' 5
  check "it stops with 0" stop_in_time live
}

HAVE_IPV6=
if grep -qs '^0*1 ' /proc/net/if_inet6; then HAVE_IPV6=yes; fi

start_at main --set "listen=127.0.0.1:0${HAVE_IPV6:+,[::1]:0}"
main_port=$PORT
check "every socket has its listening line, all with one port" \
  same "$(count_lines "$LOG" " listening address=.*:$PORT\$")" $((1 + ${#HAVE_IPV6} / 3))
slow_client >"$work/slow.seconds" &
slow=$!
original_protocol
swarms
bad_requests
broken_frames
foreign_addresses
configuration
expiry
signals
wait "$slow"
check "a client that sends a byte a second is closed after ten" \
  like "$(cat "$work/slow.seconds")" '^(9|10|11)$'
check "with the reason in the log" wait_for_line "$LOG" 'connection.closed .*reason=no_request' 5
start silent "$python" -c 'import socket, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("connected", flush=True)
time.sleep(60)' "$HOST" "$main_port"
wait_for_line "$work/silent/out" connected 5
check "TERM stops it within five seconds with 0, open connections or not" stop_in_time main
check "its last word is tracker.stopped" like "$(tail -n 1 "$LOG")" ' info tracker.stopped$'
finish
