#!/bin/bash
# Files that rot on the disk, and an operator who has them verified again: what is bad is fetched again,
# what is good is kept, whatever kind of file it is, and nothing of somebody else's is overwritten.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=64
piece_length=65536
log=$work/host/log
file=$work/host/downloads/file.bin
rot() { printf 'rot' | dd of="$1" bs=1 seek=$((${2:-3} * piece_length + 5)) conv=notrunc status=none; }
recheck() { "$BIN/peerctl" recheck "$1" --config "$work/host.yaml" 2>"$work/said"; }
# The request is carried out for the Nth time in this run.
taken() { wait_until 20 has_lines "$log" ' torrent\.recheck ' "$1"; }
repaired() { wait_complete host 30 "$1" && cmp "$work/file.bin" "$file"; }
no_requests() { [ -z "$(find "$work/host/state" -name '*.recheck')" ]; }

cat >"$work/host.yaml" <<END
watch_dir: $work/host/torrents
state_dir: $work/host/state
status_file: $work/host/status.json
END
start_tracker
random_file $((pieces * piece_length)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length "$piece_length"
for name in seeder host; do
  start_peer "$name"
  cp "$work/file.bin" "$work/$name/downloads/"
  drop "$name" "$work/file.torrent"
  wait_for_line "$work/$name/log" ' torrent\.seeding '
done
wait_until 10 has_status host file.bin state seeding

echo "# a complete file"
inode=$(stat -c %i "$file")
check "a recheck is asked for by name" recheck file.bin
check "and carried out" taken 1
check "a file that is good is seeded again" \
  wait_until 20 has_lines "$log" " torrent\.seeding .*has=$pieces pieces=$pieces" 2
check "the request is gone" no_requests
check "nothing was fetched for that" test "$(count_lines "$log" ' torrent\.downloading ')" = 0
rot "$file"
check "one with a rotten piece is rechecked, by its torrent" recheck "$work/file.torrent"
check "and is what it was" repaired 1
check "all but that piece was kept" test "$(value_of "$log" torrent.complete received)" = "$piece_length"
check "in the same file" test "$(stat -c %i "$file")" = "$inode"
check "no .part is left" test ! -e "$file.part"
check "it is seeded" wait_until 10 has_status host file.bin state seeding

echo "# with another name"
ln "$file" "$work/other_name"
rot "$file" 7
cp "$work/other_name" "$work/rotten"
check "a file with a second link is rechecked, by the beginning of its info_hash" \
  recheck "$(hash_of "$work/file.torrent" | cut -c 1-6)"
check "and is what it was" repaired 2
check "what the other name shows is not touched" cmp "$work/other_name" "$work/rotten"
check "all but that piece was kept" wait_until 10 has_status host file.bin received $((2 * piece_length))

echo "# something else"
random_file $((pieces * piece_length)) "$work/else" 9
cat "$work/else" >"$file"
check "a file of other content is rechecked" recheck file.bin
check "and reported" wait_for_line "$log" 'error torrent\.damaged .*bad_pieces=64 .*matches in no piece'
check "and left alone" cmp "$file" "$work/else"
check "the status says so" wait_until 10 has_reason host file.bin 'matches in no piece'
keep_pieces "$work/file.bin" "$file" "$piece_length" 0 1 2
random_file 1000 "$file.part"
cp "$file" "$work/before"
check "one whose .part is in the way is rechecked" recheck file.bin
check "and reported" wait_for_line "$log" 'error torrent\.damaged .*bad_pieces=61 .*reason=.*File exists'
check "and left alone" cmp "$file" "$work/before"
rm "$file.part"
check "once that is gone it is repaired" recheck file.bin
check "and is what it was" repaired 3

echo "# while the daemon is down"
stop host
rot "$file" 11
check "it can be asked for then" recheck file.bin
check "which is said" grep -q 'peerd does not run' "$work/said"
start_peer host
check "and is carried out at the start" taken 1
check "and the file is what it was" repaired 1

echo "# in the middle of a download"
stop seeder
stop host
rm "$work/host/state"/*.json "$file"
keep_pieces "$work/file.bin" "$file.part" "$piece_length" 0 1 2 3 4
start_peer host
check "a .part with five pieces is taken" wait_for_line "$log" ' torrent\.downloading .*has=5 pieces=64'
rot "$file.part" 2
wait_until 10 has_status host file.bin state downloading
check "one of them rots and it is rechecked" recheck file.bin
check "and four are left" wait_for_line "$log" ' torrent\.downloading .*has=4 pieces=64'
stop host KILL || true
start_peer host
check "which is remembered" wait_for_line "$log" ' torrent\.downloading .*has=4 pieces=64'
start_peer seeder
check "and it completes" repaired 1
check_exit "the host stops in order" 0 stop_in_time host
finish
