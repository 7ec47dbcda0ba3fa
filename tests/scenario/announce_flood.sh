#!/bin/bash
# A great many announces with random hashes and peer_ids, at a tracker with its caps: memory has a
# bound, what is refused is said and counted, and the swarms that were there before are answered in
# full.
#
#   FLOOD_ANNOUNCES  how many (default 20000, at lowered caps; from 1000000 on at those of default)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

announces=${FLOOD_ANNOUNCES:-20000}
swarms=2000 peers=5000
[ "$announces" -lt 1000000 ] || swarms=100000 peers=1000000
old=$(printf 'ab%.0s' {1..32})
log=$work/tracker/log

# ask FROM PORT [HASH]: the answer to a peer there.
ask() {
  "$python" "$support/hostile_peer.py" --from "$1" "$tracker" \
    'json:{"port": '"$2"', "peer_id": "old", "event": "started", "left": 0, "info_hash": "'"${3:-$old}"'"}' \
    recv | sed -n 's/.* text=//p'
}
names_both_others() {
  local answer
  answer=$(ask 127.8.0.1 7001)
  echo "$answer"
  [[ $answer = *'"peer-port":7002,"peer-ip":"127.8.0.2"'* && $answer = *'"peer-port":7003,"peer-ip":"127.8.0.3"'* &&
    $answer = *'"num-of-peer":2,'* ]]
}
flood() {
  "$python" "$support/announce_flood.py" "$@" "$tracker" "$announces" >"$work/flood.out"
  local status=$?
  cat "$work/flood.out"
  return "$status"
}
# accepted NUMBER: by the last flood; and as many were refused as is left.
accepted() { grep -q " accepted=$1 refused=$((announces - $1)) " "$work/flood.out"; }
in_status() { grep -Eqs "\"$1\": $2\b" "$work/tracker/status.json"; }
note_memory() { echo "# $1: $(memory_kib tracker) KiB"; }

# A tracker with those caps, and a swarm of three.
begin() {
  start_tracker --set max_swarms="$swarms" --set max_peers="$peers" --set announce_interval=1h
  local number
  for number in 1 2 3; do ask "127.8.0.$number" "700$number" >"$work/answer"; done
  check "a swarm of three is there" names_both_others
  note_memory "with three peers"
  before=$(memory_kib tracker)
}
# ends_well BYTES: with so many in memory.
ends_well() {
  local most=$((before + 8192 + $1 / 1024))
  [ "$SLOW" = 1 ] || most=$((most * 20)) # sanitizers shadow every byte, and hold what was freed
  check "memory has a bound" test "$(memory_kib tracker)" -lt "$most"
  check "the log has not grown with them" test "$(wc -l <"$log")" -lt 2500
  check_exit "it stops in time" 0 stop_in_time tracker
}

begin
echo "# random swarms"
check "$announces announces of as many swarms" flood
cat "$work/flood.out"
note_memory "with $swarms swarms"
check "no more swarms than the cap are taken" accepted $((swarms - 1))
check "the others are counted" wait_until 5 in_status max_swarms $((announces - swarms + 1))
check "and said" grep -Eq ' announce\.refused peer=127\.7\.0\.[0-9]+:[0-9]+ reason=max_swarms' "$log"
check "an old swarm is answered in full" names_both_others
check "and takes a newcomer" eval "ask 127.8.0.4 7004 | grep -q '\"num-of-peer\":3,'"

ends_well $((swarms * 500)) # a swarm and its peer

echo "# random peers of few swarms"
begin
check "$announces announces of as many peers" flood --swarms 1000 --seed 2
cat "$work/flood.out"
note_memory "with $peers peers"
check "no more peers than the cap are taken" accepted $((peers - 3))
check "the others are counted" wait_until 5 in_status max_peers $((announces - peers + 3))
check "and said" grep -Eq ' announce\.refused peer=127\.7\.0\.[0-9]+:[0-9]+ reason=max_peers' "$log"
check "an old swarm is answered in full" names_both_others
ask 127.8.0.4 7004 >"$work/answer"
check "and who finds no room there is told so" \
  grep -q '"error_code":1,"message":"the tracker is full: max_peers"' "$work/answer"
ends_well $((peers * 250))
finish
