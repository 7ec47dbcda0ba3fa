#!/bin/bash
# Files of every awkward size and name go from one host to another: none and one byte, whole pieces
# and one byte more, beyond 4 GiB, names with anything in them that a name may hold.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

piece=16384
torrents=0

# offer NAME [OPTION]...: the file $work/source/NAME is there; makes its torrent, $work/N.torrent.
offer() {
  local name=$1
  shift
  torrents=$((torrents + 1))
  make_torrent "$work/source/$name" "$work/$torrents.torrent" "$@"
  names+=("$name")
}

# shows NUMBER EXPRESSION: a Python expression over what `peerctl show --json` prints, as `t`.
shows() {
  "$BIN/peerctl" show --json "$work/$1.torrent" |
    "$python" -c 'import json, sys; t = json.load(sys.stdin); assert eval(sys.argv[1]), t' "$2"
}

same_files() { cmp "$work/source/$1" "$work/leecher/downloads/$1"; }
no_parts() { ! compgen -G "$work/leecher/downloads/*.part"; }

# In bytes; 0 when there is no such directory.
free_bytes() { df --output=avail -B1 "$1" 2>/dev/null | tail -n 1 | grep '[0-9]' || echo 0; }
free_memory() { awk '/^MemAvailable:/ { print $2 * 1024 }' /proc/meminfo; }
at_least() { awk -v have="$1" -v gib="$2" 'BEGIN { exit !(have >= gib * 2^30) }'; }

start_tracker
mkdir "$work/source"
names=()
: >"$work/source/empty"
offer empty
check "an empty file has no pieces" shows 1 't["pieces"] == 0 and t["file_length"] == 0'
random_file 1 "$work/source/one.byte"
offer one.byte
check "one byte makes one piece" shows 2 't["pieces"] == 1 and t["file_length"] == 1'
random_file $((4 * piece)) "$work/source/whole"
offer whole --piece-length "$piece"
check "four pieces exactly are four" shows 3 't["pieces"] == 4'
random_file $((4 * piece + 1)) "$work/source/whole+1" 2
offer whole+1 --piece-length "$piece"
check "one byte more makes a fifth" shows 4 't["pieces"] == 5'
random_file $((4 * piece - 1)) "$work/source/whole-1" 3
offer whole-1 --piece-length "$piece"
check "one byte less makes it no fewer" shows 5 't["pieces"] == 4'
random_file 77 "$work/source/bytes" 4
offer bytes --piece-length 1
check "a piece may be one byte" shows 6 't["pieces"] == 77'
random_file 1000 "$work/source/less-than-a-piece" 5
offer less-than-a-piece --piece-length 64MiB
check "a piece may be 64 MiB" shows 7 't["pieces"] == 1 and t["piece_length"] == 64 << 20'

long_name=$(printf 'n%.0s' {1..250})
long_utf8_name=$(printf 'ü%.0s' {1..125})
# shellcheck disable=SC2016 # a name that would do harm where it is expanded
odd_names=("two  words" ' leading' "it's \"quoted\"" 'Grüße – 日本語 😀.bin' '...' '-o'
  '$(exit) `exit` * ? [a]' 'back\slash' 'a=b;c&d|e<f>' '%s%n' 'x.torrent' 'x.part.bin' "$long_name" "$long_utf8_name")
seed=10
for name in "${odd_names[@]}"; do
  random_file 3000 "$work/source/$name" $((seed++))
  offer "$name" --piece-length 1024
done
random_file 10 "$work/source/${long_name}n"
check_exit "a name of 251 bytes is refused" 65 "$BIN/peerctl" make "$work/source/${long_name}n" \
  -o "$work/long.torrent" --announce "$tracker"
check "which leaves no torrent" test ! -e "$work/long.torrent"
rm "$work/source/${long_name}n"

start_peer seeder
start_peer leecher
cp -a "$work/source/." "$work/seeder/downloads/"
drop seeder "$work"/*.torrent
drop leecher "$work"/*.torrent
check "all $torrents arrive" wait_complete leecher 60 "$torrents"
for name in "${names[@]}"; do
  check "the copy is equal: ${name:0:40}" same_files "$name"
done
check "no .part is left" no_parts
check "nothing else was made" \
  test "$(find "$work/leecher/downloads" -mindepth 1 -printf x | wc -c)" = "$torrents"
check "odd names are in the status as they are" \
  wait_until 5 has_status leecher 'Grüße – 日本語 😀.bin' state seeding
check "and in the log in one line, quoted" \
  wait_for_line "$work/leecher/log" 'torrent\.complete .* name="it.s \\"quoted\\"" bytes=3000 '
check_exit "the leecher stops in order" 0 stop leecher
check_exit "the seeder too" 0 stop seeder

# Beyond 4 GiB: most of it a hole, with data at the start, across the line, and at the end.
huge_length=$((4 * 1024 * 1024 * 1024 + 40 * 1024 * 1024 + 1))
huge_name=huge.img
make_huge() {
  random_file 1MiB "$work/patch" 99
  truncate -s "$huge_length" "$1"
  dd if="$work/patch" of="$1" conv=notrunc status=none
  dd if="$work/patch" of="$1" bs=64K seek=65528 conv=notrunc status=none
  dd if="$work/patch" of="$1" bs=1 count=1 seek=$((huge_length - 1)) conv=notrunc status=none
}

# transfer_huge DIRECTORY: the seeder has it in DIRECTORY/from, the leecher gets it into
# DIRECTORY/to.
transfer_huge() {
  start_peer huge_seeder --set "download_dir=$1/from"
  start_peer huge_leecher --set "download_dir=$1/to"
  drop huge_seeder "$work/huge.torrent"
  drop huge_leecher "$work/huge.torrent"
  wait_complete huge_leecher 120 && cmp "$1/from/$huge_name" "$1/to/$huge_name"
}

# In memory if there is plenty: 4 GiB on a disk would slow down everybody else who uses it.
huge=""
if at_least "$(free_bytes /dev/shm)" 5 && at_least "$(free_memory)" 10; then
  huge=$(mktemp -d /dev/shm/piecework.XXXXXX)
  scratch+=("$huge")
elif at_least "$(free_bytes "$work")" 10; then
  huge=$work/huge
fi
if [ -z "$huge" ]; then
  echo "skip - a file beyond 4 GiB: less than 10 GiB free in $work, and little memory"
else
  mkdir -p "$huge/from" "$huge/to"
  make_huge "$huge/from/$huge_name"
  check "a file beyond 4 GiB is hashed" \
    make_torrent "$huge/from/$huge_name" "$work/huge.torrent" --piece-length 16MiB
  # The holes of this .part are as good as those of the file: what is not a hole is left to fetch.
  truncate -s "$huge_length" "$huge/to/$huge_name.part"
  check "what a .part lacks of it arrives, on either side of 4 GiB" transfer_huge "$huge"
  received=$(value_of "$work/huge_leecher/log" torrent.complete received)
  check "which is what was checked and found bad, and no more" \
    test "$received" = $((3 * 16777216 + 8388609))
fi
finish
