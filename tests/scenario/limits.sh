#!/bin/bash
# upload_limit and download_limit: no more than that goes over the line, and HUP changes them.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# within_limit NAME BYTES_PER_SECOND: what NAME has received in the time that its log tells is not
# more than the limit allows in that time, with a third of a second for the burst and the last step.
within_limit() {
  local bytes seconds
  bytes=$(value_of "$work/$1/log" torrent.complete received)
  seconds=$(value_of "$work/$1/log" torrent.complete seconds)
  echo "$bytes bytes in $seconds s"
  awk -v b="$bytes" -v s="$seconds" -v l="$2" 'BEGIN { exit !(b > 0 && b <= l * (s + 0.33)) }'
}

start_tracker
random_file 2MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 65536
printf 'upload_limit: 1MiB\n' >"$work/seeder.yaml"
start_peer seeder --config "$work/seeder.yaml"
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
check "the seeder seeds" wait_for_line "$work/seeder/log" 'torrent.seeding'

start_peer limited --set download_limit=512KiB
drop limited "$work/file.torrent"
check "a leecher with a download limit completes" wait_complete limited
check "and has received no more than that" within_limit limited 524288
check_exit "it exits 0 on TERM" 0 stop limited

start_peer leecher
drop leecher "$work/file.torrent"
check "a leecher of a seeder with an upload limit completes" wait_complete leecher
check "and was sent no more than that" within_limit leecher 1048576
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"

# So little that nothing would be complete before the deadline; the change must reach who waits.
printf 'upload_limit: 1KiB\n' >"$work/seeder.yaml"
kill -HUP "${pids[seeder]}"
check "HUP takes the limit over" \
  wait_for_line "$work/seeder/log" 'config.reloaded changed=upload_limit( |$)'
check_exit "the leecher exits 0 on TERM" 0 stop leecher
start_peer late
drop late "$work/file.torrent"
check "the limit holds" wait_for_line "$work/late/log" 'torrent.progress .*done=0%'
printf 'upload_limit: 0\n' >"$work/seeder.yaml"
kill -HUP "${pids[seeder]}"
check "and once it is lifted, who waited for it goes on" wait_complete late
check "with an equal copy" cmp "$work/file.bin" "$work/late/downloads/file.bin"
check_exit "the seeder exits 0 on TERM" 0 stop seeder
finish
