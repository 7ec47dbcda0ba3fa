#!/bin/bash
# One host with the first half, one with the second, as a .part that nothing is remembered of, and
# one with nothing: all three have the file.
#
#   HALVES_MIB  size of the file (default 32)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mib=${HALVES_MIB:-32}
half=$((mib * 1024 * 1024 / 2))
hosts=(upper lower none)

start_tracker
random_file "${mib}MiB" "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
for name in "${hosts[@]}"; do start_peer "$name"; done
head -c "$half" "$work/file.bin" >"$work/upper/downloads/file.bin.part"
truncate -s $((2 * half)) "$work/lower/downloads/file.bin.part"
tail -c "$half" "$work/file.bin" |
  dd of="$work/lower/downloads/file.bin.part" bs=1M seek="$half" oflag=seek_bytes conv=notrunc status=none

for name in "${hosts[@]}"; do drop "$name" "$work/file.torrent"; done
for name in "${hosts[@]}"; do
  check "$name completes" wait_complete "$name"
  check "its copy is equal" cmp "$work/file.bin" "$work/$name/downloads/file.bin"
  check "it has no .part any more" test ! -e "$work/$name/downloads/file.bin.part"
done
for name in upper lower; do
  check "what $name had was hashed and kept" \
    test "$(value_of "$work/$name/log" torrent.downloading has)" = $((half / 65536))
  received=$(value_of "$work/$name/log" torrent.complete received)
  check "it received the other half ($received bytes)" test "$received" = "$half"
done
check "the third received all" \
  test "$(value_of "$work/none/log" torrent.complete received)" = $((2 * half))

for name in "${hosts[@]}" tracker; do
  before=$(date +%s%N)
  check_exit "$name exits 0 on TERM" 0 stop_in_time "$name"
  took=$((($(date +%s%N) - before) / 1000000))
  check "in $took ms" test "$took" -lt $((5000 * SLOW))
done
finish
