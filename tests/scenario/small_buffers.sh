#!/bin/bash
# Two peers that send to each other all the time, through sockets that hold next to nothing: neither
# ever waits for the other, as they would if both stood in send.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

half=$((8 * 1024 * 1024))

start_tracker
random_file $((2 * half)) "$work/file.bin"
# Long pieces: a whole one never fits into the sockets between the two.
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 256KiB
for name in upper lower; do start_peer "$name" --set socket_buffer=4KiB --set log.level=debug; done
head -c "$half" "$work/file.bin" >"$work/upper/downloads/file.bin.part"
truncate -s $((2 * half)) "$work/lower/downloads/file.bin.part"
tail -c "$half" "$work/file.bin" |
  dd of="$work/lower/downloads/file.bin.part" bs=1M seek="$half" oflag=seek_bytes conv=notrunc status=none

for name in upper lower; do drop "$name" "$work/file.torrent"; done
for name in upper lower; do
  check "$name completes" wait_complete "$name" 30
  check "its copy is equal" cmp "$work/file.bin" "$work/$name/downloads/file.bin"
done
for name in upper lower; do
  check "$name had half of it" \
    test "$(value_of "$work/$name/log" torrent.downloading has)" = $((half / 262144))
  check "no piece came to $name twice" \
    test "$(count_lines "$work/$name/log" ' piece\.complete ')" = $((half / 262144))
  check "no connection of $name stood still" \
    test "$(count_lines "$work/$name/log" ' peer\.closed .*reason=(timeout|send_timeout)')" = 0
done
for name in upper lower; do check "$name stops in time" stop_in_time "$name"; done
finish
