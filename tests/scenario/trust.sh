#!/bin/bash
# What a peer believes of its own disk: after a crash, a file that took the place of its download is
# not taken for it, whatever the state says; and what a disk would not take in is hashed again.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=1024
piece_length=16384
log=$work/leecher/log
part=$work/leecher/downloads/file.bin.part

held_at_start() { value_of "$log" torrent.downloading has; }
begins() {
  start_peer leecher --set log.level=debug
  wait_for_line "$log" ' torrent\.downloading '
}
# Something else, as long as the download: on the inode that it had, if the file system does that.
put_another() { random_file $((pieces * piece_length)) "$part" 99; }

start_slow_seeder $((pieces * piece_length)) $((1 << 20)) --piece-length "$piece_length"

# ---- A crash, and another file in its place ----
start_peer leecher --set log.level=debug
drop leecher "$work/file.torrent"
check "a download begins" wait_until 20 received_at_least 30
check_exit "it stops in order" 0 stop_in_time leecher
check "and begins again" begins
check "with what it had" test "$(held_at_start)" -ge 30
inode=$(stat -c %i "$part")
stop leecher KILL || true
rm "$part"
put_another
if [ "$(stat -c %i "$part")" = "$inode" ]; then echo "# on the same inode"; fi
check "after a crash it begins with another file" begins
check "of which it believes nothing" test "$(held_at_start)" = 0
check "because it was hashed" grep -q ' torrent\.checked .*good=0' "$log"

# ---- Removed while it runs, then a crash ----
check "it receives something" wait_until 20 received_at_least 30
check_exit "it stops in order" 0 stop_in_time leecher
check "and begins again" begins
check "with what it had" test "$(held_at_start)" -ge 30
rm "$part"
check "that its file was removed is noticed" \
  wait_for_line "$log" ' torrent\.error .*file\.bin\.part was removed'
check "it begins anew" wait_until 20 has_lines "$log" ' torrent\.downloading ' 2
check "from nothing" test "$(held_at_start)" = 0
stop leecher KILL || true
put_another
check "after a crash it begins with another file" begins
check "of which it believes nothing" test "$(held_at_start)" = 0
kill -USR1 "${pids[slow]}"
check "it completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
check "it stops in time" stop_in_time leecher

# ---- A disk that fails to sync, once ----
if ! strace -qq -e trace=none true 2>"$work/strace.log"; then
  echo "# no strace here: $(head -n 1 "$work/strace.log")"
  finish
  exit
fi
mkdir "$work/programs"
cat >"$work/programs/peerd" <<END
#!/bin/bash
export ASAN_OPTIONS=detect_leaks=0 # which does not work under strace
exec strace -DDD -f -qq -o "$work/strace.log" -e trace=fdatasync -e inject=fdatasync:error=EIO:when=1 \
  "$BIN/peerd" "\$@"
END
chmod +x "$work/programs/peerd"
log=$work/unsynced/log
BIN=$work/programs start_peer unsynced --set log.level=debug
drop unsynced "$work/file.torrent"
check "a sync that fails stops the torrent with its reason" \
  wait_for_line "$log" ' torrent\.error .*reason="sync [^"]*file\.bin\.part: Input/output error'
check "what was written is hashed again" wait_for_line "$log" ' torrent\.checked '
check "and the download completes" wait_complete unsynced
check "the copy is equal" cmp "$work/file.bin" "$work/unsynced/downloads/file.bin"
check "it stops in time" stop_in_time unsynced
check "nothing was synced in vain but once" test "$(grep -c INJECTED "$work/strace.log")" = 1
finish
