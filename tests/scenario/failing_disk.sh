#!/bin/bash
# Reads that fail, at a seeder and at a leecher that looks at what it had; and a file system that has
# become read-only. Each is said with path and reason, costs nobody what he had, and passes by itself.
# shellcheck source=../support/mount_namespace.sh
. "$(dirname "$0")/../support/mount_namespace.sh"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

disk=$work/disk
log=$work/leecher/log
eio=5
pieces=256

mkdir "$disk"
mount -t tmpfs -o size=16m none "$disk"
mounts+=("$disk")

start_tracker
random_file $((pieces * 16384)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 16KiB

echo "# a seeder"
preload faults FAULT=sendfile64:20:$eio
BIN=$preloaded start_peer seeder --set upload_limit=1MiB
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
wait_for_line "$work/seeder/log" ' torrent\.seeding '
run_leecher() {
  start_peer leecher --set "download_dir=$disk" --set log.level=debug
}
run_leecher
drop leecher "$work/file.torrent"
check "a seeder that cannot read says so" wait_for_line "$work/seeder/log" \
  ' error torrent\.error .*reason="read [^"]*/file\.bin: sendfile: Input/output error"'
check "and seeds again when it can" wait_until 15 has_lines "$work/seeder/log" ' torrent\.seeding ' 2
check "the download goes on" wait_until 20 received_at_least 30
stop leecher KILL || true

echo "# a leecher that looks at what it had"
verified=$(cat "$log"* | grep -c ' piece\.complete ')
preload faults FAULT=pread64:3:$eio:2
BIN=$preloaded run_leecher
check "a leecher that cannot read what it had says so" \
  wait_for_line "$log" " error torrent\\.error .*reason=\"read $disk/file\\.bin\\.part: Input/output error\""
check "and goes on when it can" wait_for_line "$log" ' torrent\.downloading '
held=$(value_of "$log" torrent.downloading has)
check "with all that it had ($held, of $verified that were logged)" test "$held" -ge "$verified"
check_exit "it stops in time" 0 stop_in_time leecher

echo "# a file system that is read-only"
mount -o remount,ro "$disk"
run_leecher
check "where nothing can be written, it says so" \
  wait_for_line "$log" " error torrent\\.error .*reason=\"open $disk/file\\.bin\\.part: Read-only file system\""
check "in the status too" wait_until 5 has_reason leecher file.bin 'Read-only file system'
mount -o remount,rw "$disk"
check "and goes on when it can" wait_for_line "$log" ' torrent\.downloading '
check "with all that it had" test "$(value_of "$log" torrent.downloading has)" -ge "$held"
check "it completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$disk/file.bin"
check_exit "it stops in time" 0 stop_in_time leecher
mount -o remount,ro "$disk"
run_leecher
check "a complete file is seeded from there" wait_for_line "$log" ' torrent\.seeding '
check_exit "the leecher stops in time" 0 stop_in_time leecher
check_exit "the seeder stops in time" 0 stop_in_time seeder
finish
