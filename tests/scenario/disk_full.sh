#!/bin/bash
# The disk is full: that torrent stops and says why, others go on, and when there is space again it
# goes on by itself. In a mount namespace of its own, with small file systems.
# shellcheck source=../support/mount_namespace.sh
. "$(dirname "$0")/../support/mount_namespace.sh"
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mib=$((1024 * 1024))
small=$work/small
ext2=$work/ext2
mkdir "$small" "$ext2"

# On the one, space is missing from the start; on the other it cannot be reserved, and runs out in the
# middle.
mount -t tmpfs -o size=8m none "$small"
mounts+=("$small")
truncate -s 8M "$work/image"
has_ext2=
if mkfs.ext2 -q -m 0 "$work/image" 2>/dev/null && mount -o loop "$work/image" "$ext2" 2>/dev/null; then
  has_ext2=yes
  mounts+=("$ext2")
else
  echo "skip - full in the middle: this host cannot mount a loop device as ext2"
fi

start_tracker
start_peer seeder
start_peer slow --set upload_limit=1MiB
for name in elsewhere.bin small.bin large.bin later.bin; do
  bytes=$((4 * mib))
  [ "$name" != small.bin ] || bytes=$mib
  random_file "$bytes" "$work/$name" "${#name}"
  make_torrent "$work/$name" "$work/$name.torrent" --piece-length 16KiB
  from=seeder
  [ "$name" != later.bin ] || from=slow
  cp "$work/$name" "$work/$from/downloads/"
  drop "$from" "$work/$name.torrent"
done
head -c $((6 * mib)) /dev/zero >"$small/filler"

start_peer leecher --set "download_dir=$small"
drop leecher "$work/large.bin.torrent"
log=$work/leecher/log
check "a torrent that does not fit is an error" \
  wait_for_line "$log" ' error torrent\.error .*name=large\.bin'
check "with path and reason in the log" \
  grep -Eq " torrent\.error .*name=large\.bin reason=\".*$small/large\.bin\.part.*: No space left on device\"" "$log"
check "and in the status" wait_until 5 has_reason leecher large.bin "$small/large.bin.part: No space left on device"
check "which calls it an error" has_status leecher large.bin state error
drop leecher "$work/small.bin.torrent"
check "one that fits completes beside it" wait_until 20 cmp -s "$work/small.bin" "$small/small.bin"
start_peer other
drop other "$work/elsewhere.bin.torrent"
check "one elsewhere completes" wait_complete other

if [ -n "$has_ext2" ]; then
  start_peer later --set "download_dir=$ext2" --set log.level=debug
  drop later "$work/later.bin.torrent"
  later_log=$work/later/log
  check "a download begins" wait_until 20 has_lines "$later_log" ' piece\.complete ' 16
  head -c $((8 * mib)) /dev/zero >"$ext2/filler" 2>/dev/null || true # as much as there is room for
  check "a torrent for which the space runs out is an error" \
    wait_for_line "$later_log" ' error torrent\.error .*name=later\.bin'
  check "with path and reason in the log" grep -Eq \
    " torrent\.error .* reason=\"write $ext2/later\.bin\.part: No space left on device\"" "$later_log"
  check "and in the status" wait_until 5 has_reason later later.bin 'No space left on device'
  stored=$(count_lines "$later_log" ' piece\.complete ')
  check "some pieces were stored ($stored of 256)" test "$stored" -gt 0 -a "$stored" -lt 256
  check "and it is still there" wait_until 5 has_status later later.bin state error
  rm "$ext2/filler"
fi

check "the first one has not completed meanwhile" test ! -e "$small/large.bin"
rm "$small/filler"
check "when there is space, it goes on by itself" \
  wait_until 15 cmp -s "$work/large.bin" "$small/large.bin"
check "and is an error no more" wait_until 5 has_status leecher large.bin state seeding
check "with nothing wrong any more" wait_until 5 has_status leecher large.bin reason ""
if [ -n "$has_ext2" ]; then
  check "so does the other" wait_until 15 cmp -s "$work/later.bin" "$ext2/later.bin"
  check "and kept what it had" test "$(count_lines "$later_log" ' piece\.complete ')" = 256
  check "later stops in time" stop_in_time later
fi
for name in leecher other seeder tracker; do check "$name stops in time" stop_in_time "$name"; done
finish
