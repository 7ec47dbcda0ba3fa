#!/bin/bash
# A seeder whose copy rots on its disk after it was verified: what it sends is thrown away and asked
# of somebody else, and who sends such things twice is banned.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=64
piece_length=65536

# rot NAME FILE PIECE...: changes a byte in each, and the file looks as it did before.
rot() {
  local file=$work/$1/downloads/$2 piece
  shift 2
  cp -p "$file" "$work/before"
  for piece; do
    printf '\x55' | dd of="$file" bs=1 count=1 seek=$((piece * piece_length + 4321)) conv=notrunc status=none
  done
  touch -r "$work/before" "$file"
}

# only_good_bytes NAME FILE: every piece on its disk is right, or not there yet.
only_good_bytes() {
  "$python" -c 'import sys
good, there, length = open(sys.argv[1], "rb"), open(sys.argv[2], "rb"), int(sys.argv[3])
while piece := good.read(length):
    found = there.read(length)
    assert found in (piece, bytes(len(piece))), "a piece that is neither right nor empty"' \
    "$work/$2" "$work/$1/downloads/$2.part" "$piece_length"
}
differs() { ! cmp -s "$1" "$2"; }

# seed NAME FILE
seed() {
  cp "$work/$2" "$work/$1/downloads/"
  drop "$1" "$work/$2.torrent"
  wait_for_line "$work/$1/log" "torrent\.seeding .*name=$2"
}

start_tracker
for name in many.bin one.bin both.bin; do
  random_file $((pieces * piece_length)) "$work/$name" "${#name}"
  make_torrent "$work/$name" "$work/$name.torrent" --piece-length "$piece_length"
done
start_peer rotten
seed rotten many.bin
seed rotten one.bin
seed rotten both.bin
rot rotten many.bin {10..25}
rot rotten one.bin 7
rot rotten both.bin {0..63..2}
check "the rotten copy differs" differs "$work/many.bin" "$work/rotten/downloads/many.bin"

log=$work/leecher/log
rotten=$address:${ports[rotten]}
start_peer leecher --set log.level=debug
drop leecher "$work/many.bin.torrent"
check "a piece that is wrong is noticed, and who sent it" \
  wait_for_line "$log" " piece\.hash_mismatch .*(peer|listens)=$rotten .*piece="
check "after a second one its sender is banned" \
  wait_for_line "$log" " peer\.banned .*(peer|listens)=$rotten .*reason=hash_mismatch"
check "the wrong pieces are not stored" only_good_bytes leecher many.bin
check "nothing counts as complete" test ! -e "$work/leecher/downloads/many.bin"
check "the status gives a reason" wait_until 5 has_reason leecher many.bin
wait_until 5 has_status leecher many.bin state downloading
check "and says how much was thrown away" \
  test "$(status_value leecher many.bin wasted)" -ge $((2 * piece_length))

start_peer good
seed good many.bin
check "with a good seeder the leecher completes" wait_complete leecher 30
check "the copy is equal" cmp "$work/many.bin" "$work/leecher/downloads/many.bin"
check "the banned one is not dialled again" \
  test "$(count_lines "$log" " peer\.connected peer=$rotten ")" -le 1

# Exactly one rotten piece, and nobody else who has it.
start_peer alone --set log.level=debug
drop alone "$work/one.bin.torrent"
log=$work/alone/log
check "a seeder with one rotten piece gives the others" \
  wait_for_line "$log" ' piece\.hash_mismatch .* piece=7( |$)'
complete_but_one() { [ "$(count_lines "$log" ' piece\.complete ')" = $((pieces - 1)) ]; }
check "which are all but that one" wait_until 20 complete_but_one
check "the leecher has not completed" test ! -e "$work/alone/downloads/one.bin"
check "and its status says why" wait_until 5 has_reason alone one.bin
check "the wrong piece is not stored" only_good_bytes alone one.bin
cp "$work/one.bin" "$work/good/downloads/"
drop good "$work/one.bin.torrent"
check "with a good seeder it completes" wait_complete alone 30
check "the copy is equal" cmp "$work/one.bin" "$work/alone/downloads/one.bin"

# Both at once, whoever is faster.
seed good both.bin
start_peer third
drop third "$work/both.bin.torrent"
check "with both at once the leecher completes" wait_complete third 30
check "the copy is equal" cmp "$work/both.bin" "$work/third/downloads/both.bin"
for name in rotten good leecher alone third; do check "$name stops in time" stop_in_time "$name"; done
finish
