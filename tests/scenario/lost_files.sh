#!/bin/bash
# Files that somebody removes, cuts or replaces under a running daemon: it notices, checks again, and
# in the end everyone has the right bytes.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_tracker
random_file 4MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent"

# A .part goes away while nobody serves it.
start_peer leecher
drop leecher "$work/file.torrent"
wait_for_line "$work/leecher/log" 'torrent.downloading'
rm "$work/leecher/downloads/file.bin.part"
check "a .part that was removed is noticed" \
  wait_for_line "$work/leecher/log" 'torrent.error .*file.bin.part was removed'
check "and made anew" wait_until 15 test -e "$work/leecher/downloads/file.bin.part"
start_peer seeder
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
check "then the leecher completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
stop leecher
check "it stopped in order" test ! -e "$work/leecher/status.json"

# A seeded file is cut; somebody asks for it; then it is put back.
truncate -s 100000 "$work/seeder/downloads/file.bin"
start_peer second
drop second "$work/file.torrent"
check "a seeded file that was cut is noticed when it is read" \
  wait_for_line "$work/seeder/log" 'torrent.error .*(too short|exists with 100000 bytes)'
check "and named with both sizes when it is checked" \
  wait_for_line "$work/seeder/log" 'torrent.error .*exists with 100000 bytes, the torrent has 4194304'
cp "$work/file.bin" "$work/seeder/downloads/fresh"
mv "$work/seeder/downloads/fresh" "$work/seeder/downloads/file.bin"
check "a good copy put back is seeded again" wait_complete second
check "the second copy is equal" cmp "$work/file.bin" "$work/second/downloads/file.bin"
check "no reason is left" wait_until 10 has_status seeder file.bin reason ""

# A damaged file is renamed to .part, as its reason says, and repaired.
stop second
printf 'rot' | dd of="$work/second/downloads/file.bin" bs=1 seek=70000 conv=notrunc status=none
start_peer second
check "a damaged file is told of" wait_for_line "$work/second/log" 'torrent.damaged .*bad_pieces=1'
mv "$work/second/downloads/file.bin" "$work/second/downloads/file.bin.part"
check "renamed to .part, it is repaired while the daemon runs" wait_complete second
check "and equal" cmp "$work/file.bin" "$work/second/downloads/file.bin"

# One state directory belongs to one daemon.
other_peerd() {
  timeout 10 "$BIN/peerd" --set "listen=$address:0" --set "watch_dir=$work/other/torrents" \
    --set "download_dir=$work/other/downloads" --set "state_dir=$work/second/state" \
    --set "status_file=$work/other/status.json" --set log.file=- 2>"$work/other.log"
}
check_exit "a second peerd on the same state is refused" 69 other_peerd
check "and says why" grep -q 'in use by another peerd' "$work/other.log"
for name in seeder second; do check "$name stops in time" stop_in_time "$name"; done
finish
