#!/bin/bash
# Small files: how long one of 109 KB takes from two seeders, from the drop of its torrent to its name
# in the download directory; and how long a thousand of 100 KB take from one host to another, from the
# one move that drops all torrents to the last `torrent.complete`.
#
#   small.sh [one | many]...
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

files=20
many=1000

# make_files COUNT BYTES: $work/source/*.bin and $work/made/*.torrent.
make_files() {
  local file
  rm -rf "$work/source" "$work/made"
  mkdir "$work/source" "$work/made"
  random_file $(($1 * $2)) "$work/all"
  split -b "$2" -a 4 -d --additional-suffix=.bin "$work/all" "$work/source/part"
  rm "$work/all"
  for file in "$work"/source/*; do
    make_torrent "$file" "$work/made/${file##*/}.torrent"
  done
}

# give NAME: a daemon that has all of them, announced.
give() {
  start_peer "$1"
  cp "$work"/source/* "$work/$1/downloads/"
  cp -r "$work/made" "$work/$1/made"
  mv "$work/$1"/made/* "$work/$1/torrents/"
}
given() { wait_until 60 has_lines "$work/$1/log" ' tracker\.reached ' "$2"; }

# take_away NAME...: stopped, with all that it had.
take_away() {
  local name
  for name; do
    stop "$name" || true
    rm -r "${work:?}/$name"
  done
}

measure_one() {
  local file name from
  make_files "$files" 109000
  for name in first second; do give "$name"; done
  for name in first second; do given "$name" "$files"; done
  start_peer leecher
  cp -r "$work/made" "$work/leecher/made"
  for file in "$work"/source/*; do
    name=${file##*/}
    # The file is looked for without a pause: even a short one would be part of the figure.
    from=$(now)
    mv "$work/leecher/made/$name.torrent" "$work/leecher/torrents/"
    until [ -e "$work/leecher/downloads/$name" ]; do :; done
    sample one "$(calculate "($(now) - $from) * 1000" 1)"
    wait_for_line "$work/leecher/log" "torrent\.complete .* name=$name "
  done
  diff -rq "$work/source" "$work/leecher/downloads" || not_ok "the leecher has something else"
  take_away leecher first second
  row "$(calculate "$(median one)" 0)" 100 "ms for 109 KB from two seeders" "$(spread one 0) ms, $files files"
}

measure_many() {
  local from run
  make_files "$many" 100000
  give seeder
  given seeder "$many"
  for run in $(seq "$RUNS"); do
    start_peer leecher
    cp -r "$work/made" "$work/leecher/made"
    from=$(now)
    mv "$work"/leecher/made/* "$work/leecher/torrents/"
    wait_until 120 all_there || not_ok "run $run: the leecher has not completed"
    wait_complete leecher 20 "$many"
    sample many "$(calculate "$(log_time leecher torrent.complete) - $from")"
    diff -rq "$work/source" "$work/leecher/downloads" || not_ok "the leecher has something else"
    take_away leecher
  done
  take_away seeder
  row "$(calculate "$(median many)" 2)" 5 "s for $many torrents of 100 KB" "$(spread many 2) s"
}
all_there() {
  local names
  pause 0.1
  names=("$work"/leecher/downloads/*.bin)
  [ "${#names[@]}" = "$many" ]
}

start_tracker
[ $# -gt 0 ] || set -- one many
for wanted; do
  case $wanted in
    one) measure_one ;;
    many) measure_many ;;
    *) exit 64 ;;
  esac
done
finish
