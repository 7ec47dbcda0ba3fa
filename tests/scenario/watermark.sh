#!/bin/bash
# A small file system that is used like a cache: when space is short, the oldest files that were fetched
# go, and no others; they come again when their torrent is dropped anew.
# shellcheck source=../support/mount_namespace.sh
. "$(dirname "$0")/../support/mount_namespace.sh"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

small=$work/small
mkdir "$small"
mount -t tmpfs -o size=16m none "$small"
mounts+=("$small")

start_tracker
start_peer seeder
for file in mine:2 a:4 b:4 c:4 d:3; do
  name=${file%:*}
  random_file "${file#*:}MiB" "$work/$name" "$(printf %d "'$name")"
  make_torrent "$work/$name" "$work/$name.torrent" --piece-length 65536
  cp "$work/$name" "$work/seeder/downloads/"
  drop seeder "$work/$name.torrent"
done

log=$work/leecher/log
start_leecher() {
  start_peer leecher --set "download_dir=$small" --set watermark.low=5MiB --set watermark.high=6MiB
}
# fetch NAME...: one after the other.
fetch() {
  local name
  for name; do
    drop leecher "$work/$name.torrent"
    check "$name is fetched" wait_for_line "$log" " torrent\\.complete .*name=$name "
  done
}
is_equal() { cmp -s "$work/$1" "$small/$1"; }

# The oldest of all was not fetched.
cp "$work/mine" "$small/"
start_leecher
drop leecher "$work/mine.torrent"
check "a file that was there is seeded" wait_for_line "$log" ' torrent\.seeding .*name=mine '
fetch a b
check "as long as there is space, all stay" test "$(count_lines "$log" ' torrent\.removed_for_space ')" = 0 -a -e "$small/a"
drop leecher "$work/c.torrent"
check "when there is not, the oldest that was fetched goes" \
  wait_for_line "$log" " info torrent\\.removed_for_space hash=[0-9a-f]* name=a bytes=4194304 path=$small/a\$"
check "its file is not there" test ! -e "$small/a" -a ! -e "$small/a.part"
check "its torrent is" test -e "$work/leecher/torrents/a.torrent"
check "its status says what became of it" wait_until 5 has_status leecher a state removed
check "and what to do about it" has_reason leecher a 'drop the torrent again'
check "c is whole" wait_until 10 is_equal c
for name in mine b c; do check "$name is there" is_equal $name; done
check "and is seeded" wait_until 5 has_status leecher c state seeding

# ---- Not fetched again by a restart; what was touched is somebody's ----
check_exit "it stops" 0 stop_in_time leecher
start_leecher
check "after a restart it is still known as removed" wait_until 10 has_status leecher a state removed
check "the others are seeded" wait_until 10 has_lines "$log" ' torrent\.seeding ' 3
check "nothing is hashed or fetched" test "$(count_lines "$log" ' torrent\.(checking|downloading) ')" = 0
touch -d '1 hour ago' "$small/b"
drop leecher "$work/d.torrent"
check "the next one in age was touched, and is kept" \
  wait_for_line "$log" " warn torrent\\.kept hash=[0-9a-f]* name=b reason=\"$small/b was changed or replaced\""
check "so the one after that goes" wait_for_line "$log" ' torrent\.removed_for_space .*name=c '
for name in mine b d; do check "$name is there" wait_until 10 is_equal $name; done

# ---- Dropped anew ----
removed_before=$(count_lines "$log" ' torrent\.removed_for_space ')
drop leecher "$work/a.torrent"
check "dropped anew, it is fetched" wait_until 20 is_equal a
check "and older ones make room again" wait_until 20 has_lines "$log" ' torrent\.removed_for_space ' $((removed_before + 1))
check "d, that is" wait_until 10 has_status leecher d state removed
rm "$work/leecher/torrents/d.torrent"
check "a torrent that is removed" wait_for_line "$log" ' torrent\.stopped .*name=d$'
hash=$(hash_of "$work/d.torrent")
check "is forgotten" wait_until 5 test ! -e "$work/leecher/state/$hash.json"
rm "$small/b" "$work/leecher/torrents/b.torrent"
drop leecher "$work/d.torrent"
check "dropped again, it is fetched" wait_until 20 is_equal d
for name in mine a; do check "$name is there" is_equal $name; done

# ---- One that is paused is left alone ----
hash=$(hash_of "$work/a.torrent")
touch "$work/leecher/state/$hash.pause"
check "the oldest is paused" wait_until 10 has_status leecher a state paused
removed_before=$(count_lines "$log" ' torrent\.removed_for_space ')
drop leecher "$work/b.torrent"
check "one more is fetched" wait_until 20 is_equal b
check "and one goes" wait_until 20 has_lines "$log" ' torrent\.removed_for_space ' $((removed_before + 1))
check "the one that is not paused" wait_until 10 has_status leecher d state removed
rm "$work/leecher/state/$hash.pause"
check "the other goes on" wait_until 10 has_status leecher a state seeding
for name in mine a b; do check "$name is there" is_equal $name; done
check_exit "it stops" 0 stop_in_time leecher

printf 'watermark: {low: 5MiB,\n  high: 4MiB}\n' >"$work/bad.yaml"
status=0
"$BIN/peerd" --test-config --config "$work/bad.yaml" >"$work/said" 2>&1 || status=$?
check "a high mark below the low one is refused" test "$status" = 78
check "with its place" grep -q "^$work/bad.yaml:2:9: watermark.high: must not be less than watermark.low" "$work/said"
for name in seeder tracker; do check_exit "$name exits 0" 0 stop_in_time $name; done
finish
