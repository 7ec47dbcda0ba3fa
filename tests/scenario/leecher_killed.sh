#!/bin/bash
# A leecher is killed five times in the middle of its download. Each time it goes on with what it
# had: only what was in flight is fetched again.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=512
piece_length=16384
# The most Requests that are outstanding on one connection (peer/request_window.cc).
window=64

log=$work/leecher/log
held_at_start() { value_of "$log" torrent.downloading has; }

start_slow_seeder $((pieces * piece_length)) $((2 << 20)) --piece-length "$piece_length"

verified=0
for run in 1 2 3 4 5; do
  start_peer leecher --set log.level=debug
  [ "$run" != 1 ] || drop leecher "$work/file.torrent"
  check "run $run begins" wait_for_line "$log" ' torrent\.downloading '
  held=$(held_at_start)
  check "with all that was verified ($held, of $verified that were logged)" test "$held" -ge "$verified"
  check "it receives some more" wait_until 20 received_at_least 30
  stop leecher KILL || true
  check "it had not completed when it was killed" test ! -e "$work/leecher/downloads/file.bin"
  verified=$((held + $(received)))
done

start_peer leecher --set log.level=debug
kill -USR1 "${pids[slow]}"
check "the last run completes" wait_complete leecher
held=$(held_at_start)
check "from all that was verified ($held, of $verified that were logged)" test "$held" -ge "$verified"
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
# A piece that was stored, but not logged before the end came, is counted nowhere.
total=$(cat "$log"* | grep -c ' piece\.complete ')
check "it received the file and no more than was in flight again ($total of $pieces)" \
  test "$total" -le $((pieces + 5 * window))
check "nothing that was logged as stored was fetched again" \
  test -z "$(sed -n 's/.* piece\.complete .* piece=\([0-9]*\) .*/\1/p' "$log"* | sort | uniq -d)"
check "the leecher stops in time" stop_in_time leecher
finish
