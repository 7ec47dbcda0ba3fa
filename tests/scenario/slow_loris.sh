#!/bin/bash
# Far more connections than there are places, of which each says a byte a second: decent clients of
# both daemons are served all the while, and afterwards both are what they were.
#
#   LORIS_CONNECTIONS  how many (default 400, at lowered caps; from 5000 on at the caps of default)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

connections=${LORIS_CONNECTIONS:-400}
addresses=8
tracker_places=64 peer_places=32
[ "$connections" -lt 5000 ] || tracker_places=4096 peer_places=512
caps() { printf -- '--set max_connections=%s --set max_connections_per_address=%s' "$1" $(($1 / 4)); }

needed=$((connections + 500))
ulimit -n "$needed" 2>/dev/null || [ "$(ulimit -n)" -ge "$needed" ] ||
  skip "$connections connections need $needed descriptors, $(ulimit -n) are allowed"

# Frames that are fine so far: a request of 4 KiB that begins with spaces, a Bitfield of 32 pieces.
slow_request=0000000000001000$(printf '20%.0s' {1..40})
slow_bitfield=00000000000010000000002105$(printf '00%.0s' {1..32})
request='{"port": 1000, "peer_id": "x", "event": "started", "left": 0, "info_hash": "'$(printf 'ab%.0s' {1..32})'"}'

hex_of() { od -An -v -tx1 | tr -d ' \n'; }

# crowd NAME ACTION...: as crowd.py has it, from all of the addresses.
crowd() {
  start "$1" "$python" "$support/crowd.py" --addresses "$addresses" "${@:2}"
  wait_for_line "$work/$1/out" '^all there' 60
}
end_crowd() {
  stop "$1" || true
  echo "# $1: $(tail -n 1 "$work/$1/out"), $(wc -l <"$work/$2/log") lines in the log of $2"
}
# holds_at_most NAME PLACES: while they are there, in threads, and in memory for each.
holds_at_most() {
  local memory threads
  read -r memory threads _ <<<"${size_before[$1]}"
  echo "$1: $threads threads and $memory KiB before, $(threads_of "$1") and $(memory_kib "$1") now"
  # A quarter as many again may be about to end.
  [ "$(threads_of "$1")" -le $((threads + $2 * 3 / 2 + 64)) ] || return
  [ "$SLOW" != 1 ] || [ "$(memory_kib "$1")" -le $((memory + $2 * 64 + 8192)) ]
}

# The file's own peers know each other from a tracker that nobody attacks.
start_tracker
random_file 2MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
read -ra few <<<"$(caps "$peer_places")"
start_seeder "${few[@]}"
check "a decent peer is served" fetches
note_size seeder

echo "# at a peer"
check "$connections connections" crowd at_peer "$address:${ports[seeder]}" trickle "$connections" "$slow_bitfield"
for turn in 1 2 3; do check "a decent peer is served, $turn of 3" fetches; done
check "threads and memory have a bound" holds_at_most seeder "$peer_places"
check "why they are shut out is said" \
  wait_for_line "$work/seeder/log" ' peer\.refused .*reason=made_room'
end_crowd at_peer seeder

# Those who greet keep their places, but cannot have those that the peer needs to dial others.
random_file 256KiB "$work/other.bin" 2
make_torrent "$work/other.bin" "$work/other.torrent" --piece-length 64KiB
start_peer other
cp "$work/other.bin" "$work/other/downloads/"
drop other "$work/other.torrent"
wait_for_line "$work/other/log" 'torrent\.seeding '
hash=$(hash_of "$work/file.torrent") other_hash=$(hash_of "$work/other.torrent")
greeting='{"info_hash": "'$hash'", "peer_id": "guest", "port": 0, "connection": 0, "requests": 256}'
whole_greeting=$(printf '%016x' $((4 + 33 + ${#greeting})))0000002105$(printf '00%.0s' {1..32})$(printf '%s' "$greeting" | hex_of)
check "$peer_places who greet and stay" crowd greeters "$address:${ports[seeder]}" hold "$peer_places" "$whole_greeting"
check "are as many as may come in" \
  wait_until 20 has_lines "$work/seeder/log" ' peer\.connected .*dialled=no .*agent="" ' $((peer_places * 3 / 4))
# Of the first ones, those that were slow to greet may have made room; for this one nobody does.
crowd latecomer "$address:${ports[seeder]}" hold 1 "$whole_greeting"
check "a peer that is full of them" wait_for_line "$work/seeder/log" ' connection\.refused .*reason=max_connections'
drop seeder "$work/other.torrent"
check "reaches others" wait_complete seeder 20
check "by dialling them" grep -q " peer\.connected .*hash=${other_hash:0:8} dialled=yes" "$work/seeder/log"
end_crowd latecomer seeder
end_crowd greeters seeder
stop other

echo "# at a tracker"
stop tracker || true
read -ra few <<<"$(caps "$tracker_places")"
start_tracker "${few[@]}"
check "a decent client is answered" tracker_answers "$request"
note_size tracker
check "$connections connections" crowd at_tracker "$tracker" trickle "$connections" "$slow_request"
for turn in 1 2 3 4 5; do check "a decent client is answered, $turn of 5" tracker_answers "$request"; done
check "threads and memory have a bound" holds_at_most tracker "$tracker_places"
check "why they are shut out is said" \
  wait_for_line "$work/tracker/log" ' connection\.closed .*reason=made_room'
end_crowd at_tracker tracker

# These have asked once, properly, and keep their places with that.
whole_request=$(printf '%016x' ${#request})$(printf '%s' "$request" | hex_of)
check "$tracker_places who were answered and stay" crowd guests "$tracker" hold "$tracker_places" "$whole_request"
for turn in 1 2 3 4 5; do check "make room for a decent client, $turn of 5" tracker_answers "$request"; done
end_crowd guests tracker
# What threads have freed is not all given back: up to 16 KiB for each that there was.
for name in seeder tracker; do
  check "afterwards the $name is as before" wait_until 20 is_as_before "$name" $((16 + tracker_places / 64))
  check_exit "and stops in time" 0 stop_in_time "$name"
done
finish
