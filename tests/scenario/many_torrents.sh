#!/bin/bash
# Two hundred torrents are dropped at once, first into a host that has all the files and then into
# one that has none: every one of them completes.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

count=200

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# drop_all NAME: at once, as one mv does it.
drop_all() {
  cp -r "$work/made" "$work/$1/made"
  mv "$work/$1"/made/*.torrent "$work/$1/torrents/"
}

# equal_files: both download directories hold the same, and nothing else.
equal_files() { diff -r "$work/source" "$work/leecher/downloads"; }

start_tracker
mkdir "$work/source" "$work/made"
random_file $((count * 20000)) "$work/all"
split -n "$count" -a 3 -d --additional-suffix=.bin "$work/all" "$work/source/part"
for file in "$work"/source/*; do
  make_torrent "$file" "$work/made/${file##*/}.torrent" --piece-length 4096
done
start_peer seeder
start_peer leecher
cp "$work"/source/* "$work/seeder/downloads/"
drop_all seeder
check "the seeder seeds all $count" wait_until 30 has_lines "$work/seeder/log" ' torrent\.seeding ' "$count"
before=$(milliseconds)
drop_all leecher
check "the leecher completes all $count" wait_complete leecher 60 "$count"
echo "# $(($(milliseconds) - before)) ms for $count torrents"
check "the copies are equal" equal_files
check "none was refused" test ! -e "$(compgen -G "$work/*/torrents/*.invalid" | head -n 1)"
for name in leecher seeder tracker; do
  lines=$(wc -l <"$work/$name/log")
  echo "# $lines lines in the log of the $name"
  check "the log of the $name stays in proportion" test "$lines" -le $((count * 20))
done
check "no connection broke off" test "$(count_lines "$work/leecher/log" '^[^ ]* (warn|error) ')" = 0
check_exit "the leecher stops in order" 0 stop leecher
check "having stopped every torrent" has_lines "$work/leecher/log" ' torrent\.stopped ' "$count"
check_exit "the seeder stops in order" 0 stop seeder
finish
