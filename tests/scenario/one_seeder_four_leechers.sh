#!/bin/bash
# One seeder, four leechers that start together: all four have the file, the leechers served each
# other as well, and hardly a piece was sent twice.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=512
piece_length=65536
leechers=(one two three four)

start_tracker
random_file $((pieces * piece_length)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length "$piece_length"
start_peer seeder
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
check "the seeder seeds" wait_for_line "$work/seeder/log" 'torrent\.seeding .*name=file.bin'

# Each waits, connected, for a seeder that stands still: so they start together.
kill -STOP "${pids[seeder]}"
for name in "${leechers[@]}"; do
  start_peer "$name" --set log.level=debug
  drop "$name" "$work/file.torrent"
done
for name in "${leechers[@]}"; do wait_for_line "$work/$name/log" 'tracker\.reached'; done
kill -CONT "${pids[seeder]}"

for name in "${leechers[@]}"; do
  check "leecher $name completes" wait_complete "$name"
  check "its copy is equal" cmp "$work/file.bin" "$work/$name/downloads/file.bin"
  check "each piece was stored once" \
    test "$(count_lines "$work/$name/log" ' piece\.complete ')" = "$pieces"
  wait_until 5 has_status "$name" file.bin state seeding
  wasted=$(($(status_value "$name" file.bin wasted) / piece_length))
  check "it threw away next to nothing ($wasted of $pieces pieces)" test "$wasted" -le 16
done

sent=0
for name in "${leechers[@]}"; do sent=$((sent + $(status_value "$name" file.bin sent))); done
check "the leechers sent pieces too ($((sent / piece_length)))" test "$sent" -gt 0
for name in "${leechers[@]}" seeder tracker; do
  check "$name stops in time" stop_in_time "$name"
done
finish
