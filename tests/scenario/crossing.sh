#!/bin/bash
# Peers that dial each other at the same moment end up with one connection, two of them as well as
# six at once; and all of them complete.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=64
piece_length=16384

# enlist HASH NAME...: the tracker knows all of them before any of them knows the torrent.
enlist() {
  local hash=$1 name
  shift
  for name; do
    "$python" "$support/ask_tracker.py" "$address" "${ports[tracker]}" \
      '{"port": '"${ports[$name]}"', "peer_id": "'"$name"'", "event": "started", "left": 1, "info_hash": "'"$hash"'"}' \
      >"$work/enlisted"
  done
}

# at_once COUNT NAME... -- TORRENT...: all of them get the tracker's answers, COUNT in all, while they
# stand still, and then dial in the same instant.
at_once() {
  local answers=$1 names=() name log announced
  shift
  while [ "$1" != -- ]; do
    names+=("$1")
    shift
  done
  shift
  kill -STOP "${pids[tracker]}"
  for name in "${names[@]}"; do drop "$name" "$@"; done
  for name in "${names[@]}"; do wait_until 20 knows_torrents "$name" $#; done
  for name in "${names[@]}"; do kill -STOP "${pids[$name]}"; done
  announced=$(tracker_announces)
  kill -CONT "${pids[tracker]}"
  # One that was stopped before it had asked gets its answer late; the others cross.
  wait_until 2 tracker_answered $((announced + answers)) || true
  for name in "${names[@]}"; do kill -CONT "${pids[$name]}"; done
}
knows_torrents() { [ "$(count_lines "$work/$1/log" ' torrent\.downloading ')" -ge "$2" ]; }
tracker_announces() { sed -n 's/.*"announces": *\([0-9]*\).*/\1/p' "$work/tracker/status.json"; }
tracker_answered() { [ "$(tracker_announces)" -ge "$1" ]; }
faultless() { ! grep -E ' (warn|error) ' "$work/$1/log"; }

start_tracker --set announce_interval=60s

# Two, and eight torrents of which each lacks what the other has, and one piece that nobody has: the
# connections stay.
start_peer left
start_peer right
torrents=()
for number in {1..8}; do
  random_file $((pieces * piece_length)) "$work/$number.bin" "$number"
  make_torrent "$work/$number.bin" "$work/$number.torrent" --piece-length "$piece_length"
  keep_pieces "$work/$number.bin" "$work/left/downloads/$number.bin.part" "$piece_length" {0..30}
  keep_pieces "$work/$number.bin" "$work/right/downloads/$number.bin.part" "$piece_length" {31..62}
  enlist "$(hash_of "$work/$number.torrent")" left right
  torrents+=("$work/$number.torrent")
done
at_once 16 left right -- "${torrents[@]}"
settled() {
  local number
  for number in {1..8}; do
    [ "$(status_value "$1" "$number.bin" bytes)" = $(((pieces - 1) * piece_length)) ] || return 1
    [ "$(status_value "$1" "$number.bin" peers)" = 1 ] || return 1
  done
}
for name in left right; do
  check "$name has what there is, and one connection for each torrent" wait_until 20 settled "$name"
done
crossings=$(cat "$work"/{left,right}/log | grep -c 'reason=surplus' || true)
check "some of them had crossed ($crossings were surplus)" test "$crossings" -gt 0
for name in left right; do
  check "$name finds no fault with the other" faultless "$name"
done
for name in left right; do check "$name stops in time" stop_in_time "$name"; done

# Six, each with a part of it.
hosts=(one two three four five six)
random_file $((pieces * piece_length)) "$work/six.bin" 9
make_torrent "$work/six.bin" "$work/six.torrent" --piece-length "$piece_length"
number=0
for name in "${hosts[@]}"; do
  start_peer "$name"
  keep_pieces "$work/six.bin" "$work/$name/downloads/six.bin.part" "$piece_length" \
    $(seq $((number * 10)) $((number * 10 + 9)))
  number=$((number + 1))
done
enlist "$(hash_of "$work/six.torrent")" "${hosts[@]}"
at_once 6 "${hosts[@]}" -- "$work/six.torrent"
all_but_the_last() { [ "$(status_value "$1" six.bin bytes)" = $((60 * piece_length)) ]; }
for name in "${hosts[@]}"; do
  check "$name has what there is" wait_until 20 all_but_the_last "$name"
  check "and is connected to each other one once" wait_until 10 has_status "$name" six.bin peers 5
done

# Somebody brings what was missing.
start_peer seeder
cp "$work/six.bin" "$work/seeder/downloads/"
drop seeder "$work/six.torrent"
for name in "${hosts[@]}"; do
  check "$name completes" wait_complete "$name"
  check "its copy is equal" cmp "$work/six.bin" "$work/$name/downloads/six.bin"
done
for name in "${hosts[@]}"; do
  check "$name finds no fault with the others" faultless "$name"
done
for name in "${hosts[@]}" seeder; do check "$name stops in time" stop_in_time "$name"; done
finish
