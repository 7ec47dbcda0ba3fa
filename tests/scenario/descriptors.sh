#!/bin/bash
# More torrents than a daemon has descriptors for: as many as fit are served, the others say why they
# are not, and there are some left for whoever connects.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

count=200
log=$work/seeder/log

start_tracker
mkdir -p "$work/seeder"/{torrents,downloads}
"$python" "$support/make_many.py" "$count" 4096 "$tracker" "$work/seeder/downloads" "$work/seeder/torrents"
start_peer leecher
ulimit -n 160 # for this script too
start_peer seeder
settled() {
  [ "$(count_lines "$log" ' torrent\.(added|invalid|unreadable) ')" -ge "$count" ] &&
    ! status_value seeder file00000 state | grep -q checking
}
check "all torrents are looked at" wait_until 30 settled
served=$(count_lines "$log" ' torrent\.seeding ')
echo "# $served of $count are served"
check "many are served" test "$served" -ge 60
check "not all" test "$served" -lt "$count"
check "the others say why" grep -q ' torrent\.error .*reason="open .*: Too many open files"' "$log"
check "those that are served are announced" \
  wait_until 30 has_lines "$log" ' tracker\.reached ' "$served"
name=$(value_of "$log" torrent.seeding name)
drop leecher "$work/seeder/torrents/$name.torrent"
check "somebody can fetch one" wait_complete leecher 30
check "and has it" cmp "$work/seeder/downloads/$name" "$work/leecher/downloads/$name"
running=$(sed -n 's/.* torrent\.seeding .*name=\(file[0-9]*\) .*/\1/p' "$log" | head -n 40)
while read -r name; do rm "$work/seeder/torrents/$name.torrent"; done <<<"$running"
check "when some leave, others take their place" \
  wait_until 30 has_lines "$log" ' torrent\.seeding ' $((served + 20))
check_exit "it stops in order" 0 stop_in_time seeder
finish
