#!/bin/bash
# The machine has no threads left for a while: a peer goes on with what runs, says so, and completes
# as soon as there are some.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

eagain=11
log=$work/leecher/log

start_tracker
random_file 2MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 16KiB
start_peer seeder
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
wait_for_line "$work/seeder/log" ' torrent\.seeding '

# How many the daemon starts before it has anything to do.
preload faults "FAULT_LOG=$work/calls"
BIN=$preloaded start_peer leecher
wait_for_line "$log" ' listening '
check_exit "a peer that has nothing to do stops in time" 0 stop_in_time leecher
threads=$(count_lines "$work/calls" '^pthread_create$')

preload faults "FAULT=pthread_create:$((threads + 1)):$eagain:4" "FAULT_LOG=$work/failed"
BIN=$preloaded start_peer leecher
drop leecher "$work/file.torrent"
check "no thread is to be had, four times" \
  wait_until 20 has_lines "$work/failed" '^pthread_create$' 4
check "the log says so" wait_for_line "$log" ' connection\.refused .*reason=no_thread'
check "the download completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
check_exit "it stops in time" 0 stop_in_time leecher
finish
