#!/bin/bash
# Peers that take and never give: that ask as fast as they can, that ask and do not read, that say
# keep-alives or change their mind without end. The decent ones complete beside them, the seeder
# stays small, and afterwards it is what it was. What the first cost the decent ones is printed.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

connections=20 # with the others fewer than there are upload slots
pieces=512
piece_bytes=16384
decent=6
log=$work/seeder/log

# greedy NAME ADDRESS OPTION...: at the seeder.
greedy() {
  start "$1" "$python" "$support/greedy_peer.py" --from "$2" --pieces "$pieces" "${@:3}" \
    "$hash" "$address:${ports[seeder]}"
  wait_for_line "$work/$1/out" '^all there'
}
# taken_by NAME SECONDS: bytes that it had received by then (since 1970).
taken_by() {
  sed -n 's/^received bytes=\([0-9]*\) at=/\1 /p' "$work/$1/out" | awk -v at="$2" '$2 <= at { n = $1 } END { print n + 0 }'
}
# completed_at NAME: when, in seconds since 1970.
completed_at() { date -d "$(sed -n 's/ info torrent\.complete .*//p' "$work/$1/log")" +%s.%3N; }
# The decent ones together; their seconds are for the reader.
all_complete() {
  local name
  for name; do drop "$name" "$work/file.torrent"; done
  for name; do
    wait_complete "$name" && cmp "$work/file.bin" "$work/$name/downloads/file.bin" || return
    echo "# $name: $(value_of "$work/$name/log" torrent.complete seconds) s" >>"$work/notes"
  done
}
decent_ones() {
  local number
  names=()
  for number in $(seq "$decent"); do
    names+=("$1$number")
    start_peer "$1$number"
  done
}

start_tracker
random_file $((pieces * piece_bytes)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length "$piece_bytes"
hash=$(hash_of "$work/file.torrent")

echo "# three who only take"
start_seeder --set upload_limit=2MiB # which all have the processor to take
decent_ones alone
check "$decent decent ones complete alone" all_complete "${names[@]}"
for name in "${names[@]}"; do stop "$name"; done
decent_ones beside
for number in 1 2 3; do greedy "greedy$number" "127.11.0.$number"; done
first=$(date +%s.%3N)
check "$decent decent ones complete beside three greedy ones" all_complete "${names[@]}"
last=$(for name in "${names[@]}"; do completed_at "$name"; done | sort -n | tail -n 1)
greedy_bytes=0
for number in 1 2 3; do
  greedy_bytes=$((greedy_bytes + $(taken_by "greedy$number" "$last") - $(taken_by "greedy$number" "$first")))
done
cat "$work/notes"
# What the seeder can send is what all wait for, and of that the decent ones need one copy.
echo "# meanwhile the seeder sent $((greedy_bytes * 100 / (pieces * piece_bytes))) % of a copy to the greedy ones"
share=30
[ "$SLOW" = 1 ] || share=60 # a sanitizer slows the decent ones down, and not the greedy ones
check "the greedy ones take less than $share % of what the decent ones need" \
  test $((greedy_bytes * 100)) -lt $((pieces * piece_bytes * share))
for number in 1 2 3; do stop "greedy$number" || true; done
for name in "${names[@]}"; do stop "$name"; done
stop seeder

echo "# those who do not read, and those who babble"
start_seeder
check "a decent peer is served" fetches 20
note_size seeder
keep_alive=000000000000000400000000
interested=00000000000000050000000102 uninterested=00000000000000050000000103
check "$connections that ask and do not read" greedy deaf 127.11.1.1 --deaf --connections "$connections"
check "a decent peer is served" fetches 20
check "three with keep-alives without end" greedy alive 127.11.1.2 --connections 3 --say "$keep_alive"
check "three that change their mind without end, and do not read" \
  greedy fickle 127.11.1.3 --connections 3 --deaf --say "$interested$uninterested"
check "a decent peer is served" fetches 20
echo "# KiB, threads and descriptors ${size_before[seeder]} before, $(memory_kib seeder) $(threads_of seeder) $(descriptors_of seeder) now"
# Each has two threads, and 256 Requests and some small frames at most.
most=$((32 + connections / 4))
[ "$SLOW" = 1 ] || most=$((most + 512))
check "memory has a bound" test "$(memory_kib seeder)" -lt $((${size_before[seeder]%% *} + most * 1024))
for name in deaf alive fickle; do stop "$name" || true; done
check "the log has not grown with them" test "$(wc -l <"$log")" -lt $((500 + 10 * connections))
check "afterwards it is as before" wait_until 20 is_as_before seeder
check "a decent peer is served" fetches 20
check_exit "it stops in time" 0 stop_in_time seeder
finish
