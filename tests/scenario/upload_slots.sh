#!/bin/bash
# One upload slot, and more peers than that: they take turns, and all of them complete.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_tracker
random_file 4MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 65536
hash=$(hash_of "$work/file.torrent")
start_peer seeder --set upload_slots=1
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
check "the seeder seeds" wait_for_line "$work/seeder/log" 'torrent.seeding'

# Two that are interested and ask for nothing: the one has the slot, the other waits for its turn.
raw() { # NAME ACTION...: interested, and then that.
  local name=$1
  shift
  start "$name" "$python" "$support/hostile_peer.py" "$address:${ports[seeder]}" \
    "greet:$hash:64:none" frame:0000000102 "$@"
}
raw first recv-until:1 recv-until:0:30 hold:30
check "the first one that is interested is unchoked" \
  wait_for_line "$work/first/out" '^frame length=5 id=1 '
raw second recv-until:1:30 recv-until:0:30 hold:30
for name in a b c; do
  start_peer "$name" --set upload_slots=1
  drop "$name" "$work/file.torrent"
done
check "the slot goes round: the first one is choked" \
  wait_for_line "$work/first/out" '^frame length=5 id=0 ' 20
check "and the second one, which waited longest, is unchoked" \
  wait_for_line "$work/second/out" '^frame length=5 id=1 '

# The raw ones go, and the three share the slot.
stop first || true
stop second || true
for name in a b c; do
  check "$name completes" wait_complete "$name"
  check "the copy of $name is equal" cmp "$work/file.bin" "$work/$name/downloads/file.bin"
done
check_exit "the seeder exits 0 on TERM" 0 stop seeder
finish
