#!/bin/bash
# The tracker dies and comes back knowing nobody: those who were there tell it again, and one who
# comes later finds them.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

tracker_status() {
  "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
    "$work/tracker/status.json" "$1"
}
tracker_counts() { [ "$(tracker_status peers)" = "$1" ]; }
# tracker.reached lines of NAME: the first, and one after each time it could not be reached.
reached() { [ "$(count_lines "$work/$1/log" ' tracker\.reached ')" -ge "$2" ]; }

start_tracker
random_file 4MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent"
start_peer seeder
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
start_peer early
drop early "$work/file.torrent"
check "a first leecher completes" wait_complete early
check "the copy is equal" cmp "$work/file.bin" "$work/early/downloads/file.bin"
check "the tracker counts two peers" wait_until 10 tracker_counts 2

stop tracker KILL || true
for name in seeder early; do
  check "$name misses the tracker" wait_for_line "$work/$name/log" ' tracker\.failed ' 15
  check "and seeds on" wait_until 5 has_status "$name" file.bin state seeding
  check "and says why nobody finds it" wait_until 5 has_reason "$name" file.bin "tracker $tracker"
done

# One that starts meanwhile finds nobody yet, and says why.
start_peer late
drop late "$work/file.torrent"
check "one that comes meanwhile cannot reach it" wait_for_line "$work/late/log" ' tracker\.failed '
check "and says so in its status" wait_until 5 has_reason late file.bin "tracker $tracker"

start_tracker
check "the tracker is back on its port" test "$address:${ports[tracker]}" = "$tracker"
check "the one that waited completes" wait_complete late 30
check "the copy is equal" cmp "$work/file.bin" "$work/late/downloads/file.bin"
for name in seeder early; do check "$name is back too" wait_until 30 reached "$name" 2; done
check "the tracker counts three peers" wait_until 10 tracker_counts 3

start_peer new
drop new "$work/file.torrent"
check "a new one completes" wait_complete new
check "the copy is equal" cmp "$work/file.bin" "$work/new/downloads/file.bin"
check "from those that were there" test "$(value_of "$work/new/log" tracker.reached peers)" = 3
check "the tracker counts four peers" wait_until 10 tracker_counts 4
for name in seeder early late new; do check "$name stops in time" stop_in_time "$name"; done
check "all have left" wait_until 10 tracker_counts 0
check "the tracker stops in time" stop_in_time tracker
finish
