#!/bin/bash
# Storms of connections that are opened and closed, from one address and from many, silent and with
# rubbish: decent clients of both daemons are served meanwhile, the log says what happens without
# growing with it, and afterwards both daemons are what they were.
#
#   FLOOD_CONNECTIONS  of each storm (default 3000)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

storm=${FLOOD_CONNECTIONS:-3000}
request='{"port": 1000, "peer_id": "x", "event": "started"}'
hex_of() { od -An -v -tx1 | tr -d ' \n'; }
framed() { printf '%016x%s' ${#1} "$(printf '%s' "$1" | hex_of)"; }
bomb=$(printf '[%.0s' {1..500})
# Nothing; half a header; 2^31 bytes announced; 2^63; a page's request; brackets without end.
rubbish=(- 00000000 0000000080000000 8000000000000000 "$(printf 'GET / HTTP/1.0' | hex_of)" "$(framed "$bomb")")

asks() { tracker_answers "$request"; }
# under_storm SENTENCE PORT DECENT ADDRESSES HEX...: DECENT goes on while there is a storm.
under_storm() {
  local sentence=$1 port=$2 decent=$3 addresses=$4 turn=0
  shift 4
  rm -rf "$work/storm"
  start storm "$python" "$support/crowd.py" --addresses "$addresses" "$address:$port" storm "$storm" "$@"
  while [ "$turn" -lt 3 ] || ! grep -Eqs '^(over|connect failed)' "$work/storm/out"; do
    turn=$((turn + 1))
    "$decent" || return
  done
  grep -q '^over' "$work/storm/out" || return
  stop storm || true
  echo "# $sentence: $turn decent ones served meanwhile" >>"$work/notes"
}
# lines_are_few NAME: what one event has at once (README.md, "The log"), and how many events there are.
lines_are_few() {
  wc -l "$work/$1/log"
  [ "$(wc -l <"$work/$1/log")" -lt 7000 ]
}

start_tracker
random_file 256KiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
start_seeder
check "a decent peer is served" fetches
check "a decent client is answered" asks
hash=$(hash_of "$work/file.torrent")
greeting='{"info_hash": "'$hash'", "peer_id": "guest", "port": 1, "connection": 0, "requests": 1}'
bitfield=000000090500000000$(printf '%s' "$greeting" | hex_of)
greeted=$(printf '%016x%s' $((${#bitfield} / 2)) "$bitfield")
note_size seeder
note_size tracker

echo "# at a peer"
for addresses in 1 200; do
  check "$storm connections from $addresses addresses, open and closed" \
    under_storm "silent, from $addresses" "${ports[seeder]}" fetches "$addresses" -
  check "$storm with rubbish" \
    under_storm "rubbish, from $addresses" "${ports[seeder]}" fetches "$addresses" "${rubbish[@]}"
done
check "$storm that greet" under_storm greeting "${ports[seeder]}" fetches 8 "$greeted"

echo "# at a tracker"
for addresses in 1 200; do
  check "$storm connections from $addresses addresses, open and closed" \
    under_storm "silent, from $addresses" "${ports[tracker]}" asks "$addresses" -
  check "$storm with rubbish" \
    under_storm "rubbish, from $addresses" "${ports[tracker]}" asks "$addresses" "${rubbish[@]}"
done
cat "$work/notes"

for name in seeder tracker; do
  check "the log of the $name has not grown with them" lines_are_few "$name"
  check "the reasons are there" grep -Eq 'reason=frame_too_large length=2147483648 ' "$work/$name/log"
  check "afterwards the $name is as before" wait_until 20 is_as_before "$name"
  check_exit "and stops in time" 0 stop_in_time "$name"
  check "and how many lines were held back is said" \
    grep -Eq ' warn log\.held_back event=[a-z._]+ lines=[0-9]+$' "$work/$name/log"
done
finish
