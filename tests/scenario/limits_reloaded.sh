#!/bin/bash
# Limits that change while files are on their way, for all torrents and for single ones: HUP takes
# them over, and no connection is lost by it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Pieces are counted whole, and a limit allows a short burst.
slack=$((2 * 65536))

# mark: what is in the leecher's log so far is not looked at by progressed and moved.
mark() { marked=$(wc -l <"$work/leecher/log"); }
progress_lines() { tail -n +$((marked + 1)) "$work/leecher/log" | grep -E " torrent\.progress .*name=$1 "; }
# progressed NAME COUNT
progressed() { [ "$(progress_lines "$1" | wc -l)" -ge "$2" ]; }
# moved NAME: bytes and seconds between its first and its last line since the mark.
moved() {
  progress_lines "$1" | sed -n 's/^[^T]*T\(..\):\(..\):\([0-9.]*\)Z .* bytes=\([0-9]*\) .*/\1 \2 \3 \4/p' |
    awk '{ s = $1 * 3600 + $2 * 60 + $3; if (NR == 1) { s1 = s; b1 = $4 } }
         END { if (s < s1) s += 86400; print $4 - b1, s - s1 }'
}
# within LIMIT NAME...: together they have moved no more than that, in bytes per second.
within() {
  local limit=$1
  shift
  for name; do moved "$name"; done | tee /dev/stderr | awk -v l="$limit" -v slack="$slack" \
    '{ bytes += $1; if ($2 > s) s = $2 } END { exit !(s > 0 && bytes <= l * s + slack) }'
}
bytes_moved() { moved "$1" | cut -d ' ' -f 1; }
more_than() { [ "$(bytes_moved "$1")" -gt "$(bytes_moved "$2")" ]; }

# reload NAME YAML CHANGED
reload() {
  printf '%b' "$2" >"$work/$1.yaml"
  kill -HUP "${pids[$1]}"
  wait_for_line "$work/$1/log" "config.reloaded changed=$3( |\$)"
}

start_tracker
seed=0
for name in a b; do
  random_file 14MiB "$work/$name.bin" "$((seed += 1))"
  make_torrent "$work/$name.bin" "$work/$name.torrent" --piece-length 65536
done
hash=$(hash_of "$work/b.torrent")
printf 'upload_limit: 1MiB\n' >"$work/seeder.yaml"
: >"$work/leecher.yaml"
start_peer seeder --config "$work/seeder.yaml"
start_peer leecher --config "$work/leecher.yaml"
cp "$work"/{a,b}.bin "$work/seeder/downloads/"
drop seeder "$work"/{a,b}.torrent
check "the seeder seeds" wait_until 20 has_lines "$work/seeder/log" 'torrent.seeding' 2
drop leecher "$work"/{a,b}.torrent
mark
for name in a b; do check "$name is on its way" wait_until 20 progressed $name.bin 2; done
check "both together keep to upload_limit" within $((1 << 20)) a.bin b.bin
connected=$(count_lines "$work/leecher/log" ' peer\.connected ')

check "HUP takes over another limit for all, one for a torrent, and fewer slots" \
  reload seeder 'upload_limit: 1536KiB\nupload_slots: 3\nlimits: [{torrent: a.bin, upload: 192KiB}]\n' \
  'upload_limit,limits,upload_slots'
check "which is said" wait_for_line "$work/seeder/log" 'torrent.limited .*name=a.bin upload=196608 download=0'
mark
check "both go on" wait_until 20 progressed a.bin 3
check "the torrent with a limit of its own keeps to it" within $((192 << 10)) a.bin
check "both together keep to the limit for all" within $((1536 << 10)) a.bin b.bin
check "and the other torrent has the rest" more_than b.bin a.bin

check "HUP takes over what the receiving side grants a torrent, by its hash" \
  reload leecher "limits:\n  - torrent: ${hash:0:10}\n    download: 96KiB\n" limits
check "which is said there" wait_for_line "$work/leecher/log" 'torrent.limited .*name=b.bin upload=0 download=98304'
mark
check "it goes on" wait_until 20 progressed b.bin 3
check "and keeps to that" within $((96 << 10)) b.bin

printf 'limits: [{torrent: a.bin, uplaod: 1}]\n' >"$work/leecher.yaml"
kill -HUP "${pids[leecher]}"
check "a mistake is named and changes nothing" wait_for_line "$work/leecher/log" \
  'config.rejected reason=.*leecher.yaml:1:27: limits: uplaod: unknown key \(did you mean upload'
check "and nobody is done yet" test "$(count_lines "$work/leecher/log" ' torrent\.complete ')" = 0
check "no connection was lost" test "$(count_lines "$work/leecher/log" ' peer\.closed ')" = 0
check "HUP lifts the limits of the one side" reload seeder 'upload_limit: 0\n' 'upload_limit,limits,upload_slots'
check "and of the other" reload leecher '' limits
check "so that both torrents complete" wait_complete leecher 20 2
for name in a b; do
  check "$name is equal" cmp "$work/$name.bin" "$work/leecher/downloads/$name.bin"
done
check "all over the connections there were" \
  test "$connected $(count_lines "$work/leecher/log" ' peer\.connected ') $(count_lines "$work/seeder/log" ' peer\.connected ')" = "2 2 2"

check_exit "the leecher exits 0 on TERM" 0 stop leecher
check_exit "the seeder exits 0 on TERM" 0 stop seeder
finish
