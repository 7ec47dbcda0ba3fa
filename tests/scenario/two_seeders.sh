#!/bin/bash
# One leecher, two seeders: both of them give a good part of the file.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=1024

start_tracker
random_file $((pieces * 65536)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
for name in first second; do
  start_peer "$name"
  cp "$work/file.bin" "$work/$name/downloads/"
  drop "$name" "$work/file.torrent"
done
for name in first second; do
  check "the $name seeder seeds" wait_for_line "$work/$name/log" 'torrent\.seeding '
  check "the tracker knows the $name" wait_for_line "$work/$name/log" 'tracker\.reached '
done

# The leecher is connected to both before either can answer: none has a start.
kill -STOP "${pids[first]}" "${pids[second]}"
start_peer leecher --set log.level=debug
drop leecher "$work/file.torrent"
wait_for_line "$work/leecher/log" 'tracker\.reached .*peers=2'
kill -CONT "${pids[first]}" "${pids[second]}"

check "the leecher completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
log=$work/leecher/log
# pieces_from NAME: also over a connection that NAME dialled, whose port means nothing.
pieces_from() {
  local peer total=0
  while read -r peer; do
    total=$((total + $(count_lines "$log" " piece\.complete .* peer=$peer( |\$)")))
  done < <(sed -n "s/.* peer\.connected peer=\([^ ]*\) .*listens=$address:${ports[$1]} .*/\1/p" "$log" | sort -u)
  echo "$total"
}
for name in first second; do
  given=$(pieces_from "$name")
  check "the $name seeder gave at least a fifth ($given of $pieces)" test "$given" -ge $((pieces / 5))
done
check "each piece was stored once" test "$(count_lines "$log" ' piece\.complete ')" = "$pieces"
finish
