#!/bin/bash
# One seeder, one leecher: a torrent is dropped, and the other host has the file.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_tracker
random_file 8MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent"
start_peer seeder
start_peer leecher
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
check "a complete file in the download directory is checked and seeded" \
  wait_for_line "$work/seeder/log" 'torrent.seeding .*name=file.bin'
drop leecher "$work/file.torrent"
check "the leecher completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
check "no .part is left" test ! -e "$work/leecher/downloads/file.bin.part"
check "the leecher seeds on" wait_until 5 test "$(status_value leecher file.bin state)" != error
check_exit "the leecher exits 0 on TERM" 0 stop leecher
check_exit "the seeder exits 0 on TERM" 0 stop seeder
check_exit "the tracker exits 0 on TERM" 0 stop tracker
finish
