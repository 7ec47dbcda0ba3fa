#!/bin/bash
# How long a file takes over loopback, beside what the machine allows (limit.cc): from one host to
# one, from two to one, from one to four. Ours is timed as a user sees it: from the moment the torrent
# lies in the watched directory of a running peerd to its `torrent.complete`.
#
#   transfer.sh [1to1 | 2to1 | 1to4]...
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

limit=$BIN/bench/limit

# prepare MIB: a file, its torrent, and nobody who has it yet.
prepare() {
  bytes=$(($1 << 20))
  rm -f "$work"/file.*
  random_file "$bytes" "$work/file.bin"
  make_torrent "$work/file.bin" "$work/file.torrent"
}

# start_seeders COUNT: daemons with the file, checked and announced; and as many senders of the limit.
start_seeders() {
  local i
  for i in $(seq "$1"); do
    start_peer "seeder$i"
    ln "$work/file.bin" "$work/seeder$i/downloads/file.bin"
    drop "seeder$i" "$work/file.torrent"
    start "sender$i" "$limit" send "$work/file.bin"
  done
  for i in $(seq "$1"); do
    wait_for_line "$work/seeder$i/log" 'tracker\.reached'
    wait_for_line "$work/sender$i/out" '^listening port='
    ports[sender$i]=$(sed -n 's/^listening port=//p' "$work/sender$i/out")
  done
}

stop_seeders() {
  local i
  for i in $(seq "$1"); do
    stop "seeder$i" || true
    stop "sender$i" || true
    rm -r "$work/seeder$i" "$work/sender$i"
  done
}

# run_ours CASE SEEDERS LEECHERS: samples CASE.ours, .ours.cpu, .ours.own and .ours.memory.
run_ours() {
  local case=$1 seeders=() leechers=() i name from cpu last=0 own=0 peak=0 anonymous=0
  for i in $(seq "$2"); do seeders+=("seeder$i"); done
  for i in $(seq "$3"); do
    leechers+=("leecher$i")
    start_peer "leecher$i"
    cp "$work/file.torrent" "$work/leecher$i/.staged"
  done
  cpu=$(processor_seconds "${seeders[@]}" "${leechers[@]}")
  from=$(now)
  for name in "${leechers[@]}"; do
    mv "$work/$name/.staged" "$work/$name/torrents/file.torrent"
  done
  for name in "${leechers[@]}"; do
    until [ -e "$work/$name/downloads/file.bin" ]; do
      anonymous_kib "${seeders[@]}" "${leechers[@]}"
      [ "$anonymous" -le "$peak" ] || peak=$anonymous
      pause 0.02
    done
  done
  cpu=$(calculate "$(processor_seconds "${seeders[@]}" "${leechers[@]}") - $cpu")
  for name in "${leechers[@]}"; do
    wait_complete "$name"
    last=$(printf '%s\n' "$last" "$(log_time "$name" torrent.complete)" | sort -g | tail -n 1)
    own=$(printf '%s\n' "$own" "$(value_of "$work/$name/log" torrent.complete seconds)" |
      sort -g | tail -n 1)
  done
  sample "$case.ours" "$(calculate "$last - $from")"
  sample "$case.ours.own" "$own"
  sample "$case.ours.cpu" "$cpu"
  sample "$case.ours.memory" "$(calculate "$peak / 1024")"
  for name in "${leechers[@]}"; do
    cmp -s "$work/file.bin" "$work/$name/downloads/file.bin" || not_ok "$name has something else"
    stop "$name" || true
    rm -r "${work:?}/$name"
  done
}

# run_limit CASE SENDERS RECEIVERS CONNECTIONS: samples CASE.limitN and .limitN.cpu.
run_limit() {
  local case=$1 senders=() from=() i cpu
  for i in $(seq "$2"); do
    senders+=("sender$i")
    from+=("127.0.0.1:${ports[sender$i]}")
  done
  cpu=$(processor_seconds "${senders[@]}")
  for i in $(seq "$3"); do
    start "receiver$i" "$limit" receive "$work/received$i" "$bytes" "$4" "${from[@]}"
  done
  for i in $(seq "$3"); do
    wait "${pids[receiver$i]}"
    unset "pids[receiver$i]"
  done
  cpu=$(calculate "$(processor_seconds "${senders[@]}") - $cpu")
  cat "$work"/receiver*/out | tr ' =' '\n ' | awk -v cpu="$cpu" '
    $1 == "start" && (!from || $2 < from) { from = $2 }
    $1 == "end" && $2 > to { to = $2 }
    $1 == "cpu" { cpu += $2 }
    END { printf "%.3f %.3f\n", to - from, cpu }' >"$work/measured"
  sample "$case.limit$4" "$(cut -d' ' -f1 "$work/measured")"
  sample "$case.limit$4.cpu" "$(cut -d' ' -f2 "$work/measured")"
  for i in $(seq "$3"); do rm -r "$work/received$i" "$work/receiver$i"; done
}

# measure CASE TITLE MIB SEEDERS LEECHERS TARGET
measure() {
  local case=$1 title=$2 best cpu
  prepare "$3"
  start_seeders "$4"
  for _ in $(seq "$RUNS"); do
    run_ours "$case" "$4" "$5"
    for connections in 1 2 3; do run_limit "$case" "$4" "$5" "$connections"; done
  done
  stop_seeders "$4"
  best=$(best_of "$case".limit{1,2,3})
  cpu=$(best_of "$case".limit{1,2,3}.cpu)
  row "$(calculate "$(median "$case.ours") / $(median "$best")" 2)" "$6" "$title: seconds" \
    "$(spread "$case.ours")" "limit $(spread "$best"), ${best##*limit} connections"
  row "$(calculate "$(median "$case.ours.cpu") / $(median "$best.cpu")" 2)" 1.2 "  processor seconds" \
    "$(spread "$case.ours.cpu" 2)" "limit $(spread "$best.cpu" 2); its least $(median "$cpu")"
  row "$(calculate "$(median "$case.ours.own") / $(median "$best")" 2)" - "  seconds= of torrent.complete" \
    "$(spread "$case.ours.own")"
  row "$(calculate "$(most "$case.ours.memory")" 0)" 64 "  MiB of anonymous memory, all daemons" \
    "$(spread "$case.ours.memory" 1)"
}

[ -x "$limit" ] || skip "$limit is not built"
start_tracker
[ $# -gt 0 ] || set -- 1to1 2to1 1to4
for wanted; do
  case $wanted in
    1to1) measure 1to1 "1 to 1, 1 GiB" 1024 1 1 1.15 ;;
    2to1) measure 2to1 "2 to 1, 512 MiB" 512 2 1 1.2 ;;
    1to4) measure 1to4 "1 to 4, 512 MiB each" 512 1 4 1.2 ;;
    *) exit 64 ;;
  esac
done
finish
