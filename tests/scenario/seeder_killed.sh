#!/bin/bash
# A seeder is killed in the middle of a transfer and comes back: the leecher goes on with what it
# has, and completes.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=512

start_slow_seeder $((pieces * 16384)) $((2 << 20)) --piece-length 16KiB
start_peer leecher --set log.level=debug
drop leecher "$work/file.torrent"

check "the transfer begins" wait_until 20 received_at_least 40
stop seeder KILL || true
check "the leecher notices" wait_for_line "$work/leecher/log" 'peer\.closed .*reason=(lost|closed_by_peer|truncated)' 10
before=$(received)
check "it was in the middle ($before of $pieces pieces)" test "$before" -lt "$pieces"
check "and says why it does not move" wait_until 5 has_reason leecher file.bin
check "it goes on downloading" wait_until 5 has_status leecher file.bin state downloading

start_peer seeder
check "the seeder is back" wait_for_line "$work/seeder/log" 'torrent\.seeding '
check "the transfer goes on" wait_until 20 received_at_least $((before + 1))
kill -USR1 "${pids[slow]}"
check "the leecher completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
check "no piece came twice" test "$(received)" = "$pieces"
check "the leecher stops in time" stop_in_time leecher
check "the seeder stops in time" stop_in_time seeder
finish
