#!/bin/bash
# The time of day jumps by a day, forth and back, under a tracker and its peers: nobody is forgotten,
# no connection is closed, the download goes on and completes, and what is dropped is taken.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

day=86400
log=$work/leecher/log
# By renaming: nobody reads half of it.
jump() {
  echo "$1" >"$work/offset.new"
  mv "$work/offset.new" "$work/offset"
}
# dated SECONDS FILE: its last line is from that much later than now, an hour more or less.
dated() {
  local later
  later=$(($(date -d "$(tail -n 1 "$2" | cut -d ' ' -f 1)" +%s) - $(date +%s)))
  test "$later" -gt $(($1 - 3600)) -a "$later" -lt $(($1 + 3600))
}
known_peers() {
  "$python" "$support/ask_tracker.py" "$address" "${ports[tracker]}" \
    '{"port": 1, "peer_id": "asker", "event": "stopped", "info_hash": "'"$hash"'"}' \
    '{"port": 2, "peer_id": "asker", "event": "started", "info_hash": "'"$hash"'"}' \
    '{"port": 2, "peer_id": "asker", "event": "stopped", "info_hash": "'"$hash"'"}' |
    grep -o '"peer-port"' | wc -l
}

preload clock "CLOCK_OFFSET=$work/offset"
jump 0
BIN=$preloaded start_tracker
random_file 2MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 16KiB
random_file 100KiB "$work/other.bin" 2
make_torrent "$work/other.bin" "$work/other.torrent"
hash=$(hash_of "$work/file.torrent")
BIN=$preloaded start_peer seeder --set upload_limit=512KiB --set rescan_interval=1s
cp "$work/file.bin" "$work/other.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
wait_for_line "$work/seeder/log" 'torrent\.seeding '
BIN=$preloaded start_peer leecher --set log.level=debug --set rescan_interval=1s
drop leecher "$work/file.torrent"

check "a download begins" wait_until 20 received_at_least 8
jump $day
before=$(received)
check "a day later it goes on" wait_until 10 received_at_least $((before + 16))
check "by a log of tomorrow" dated $day "$log"
check "and the tracker knows both" test "$(known_peers)" = 2
jump -$day
before=$(received)
check "a day earlier it goes on" wait_until 10 received_at_least $((before + 16))
check "by a log of yesterday" dated -$day "$log"
check "and the tracker knows both" test "$(known_peers)" = 2
check "no connection was closed" test "$(count_lines "$log" ' peer\.closed .*reason=(error|silent|timeout)')" = 0
drop seeder "$work/other.torrent"
check "what is dropped meanwhile is seeded" \
  wait_for_line "$work/seeder/log" ' torrent\.seeding .*name=other\.bin'
check "the download completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
jump 0
for name in leecher seeder tracker; do check_exit "$name stops in time" 0 stop_in_time "$name"; done
finish
