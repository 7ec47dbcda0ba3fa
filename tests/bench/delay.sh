#!/bin/bash
# What a long way costs: one host to one over a cable with a round trip of 20 ms, beside the same cable
# without delay, each run after the other. A plain TCP stream shows what TCP itself makes of it.
#
#   delay.sh [--size 256MiB] [--rtt MS] [--rate MBIT] [--runs N]      --rate 0: what the cable carries
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hosts.sh
. "$(dirname "$0")/hosts.sh"

size=256MiB rtt=20 rate=400 runs=$RUNS
while [ $# -gt 0 ]; do
  case $1 in
    --size) size=$2 ;;
    --rtt) rtt=$2 ;;
    --rate) rate=$2 ;;
    --runs) runs=$2 ;;
    *) exit 64 ;;
  esac
  shift 2
done
delay=$BIN/bench/delay

# lay_cable MILLISECONDS: one way, between hosts 1 and 2.
lay_cable() {
  local host
  rm -f "$work/cable/out"
  start cable "$delay" "$net-1" eth0 "$net-2" eth0 "$1"
  wait_for_line "$work/cable/out" '^ready$'
  for host in 1 2; do
    ip -n "$net-$host" address add "$(address_of "$host")/24" dev eth0
    ip -n "$net-$host" link set eth0 up
    [ "$rate" = 0 ] || shape "$net-$host" eth0 "$rate"
  done
}

# run_case CASE MILLISECONDS: samples CASE.ours and CASE.plain.
run_case() {
  local case=$1 from
  lay_cable "$2"
  sample "$case.plain" "$(plain_stream 1 2 "$work/file.bin")"
  place tracker 1
  start_tracker
  make_torrent "$work/file.bin" "$work/file.torrent"
  place seeder 1
  start_peer seeder
  ln "$work/file.bin" "$work/seeder/downloads/"
  drop seeder "$work/file.torrent"
  wait_for_line "$work/seeder/log" 'tracker\.reached'
  place leecher 2
  start_peer leecher
  cp "$work/file.torrent" "$work/leecher/.staged"
  from=$(now)
  mv "$work/leecher/.staged" "$work/leecher/torrents/file.torrent"
  wait_for_file "$work/leecher/downloads/file.bin" || not_ok "the leecher has not completed"
  wait_complete leecher
  sample "$case.ours" "$(calculate "$(log_time leecher torrent.complete) - $from")"
  cmp -s "$work/file.bin" "$work/leecher/downloads/file.bin" || not_ok "the leecher has something else"
  for name in leecher seeder tracker cable; do
    stop "$name" || true
    rm -r "${work:?}/$name"
    unset "ports[$name]"
  done
}

need_hosts
[ -x "$delay" ] || skip "$delay is not built"
[ -w /dev/net/tun ] || skip "there is no /dev/net/tun"
random_file "$size" "$work/file.bin"
hosts=2
add_namespace "$net-1"
add_namespace "$net-2"
for _ in $(seq "$runs"); do
  run_case near 0
  run_case far $((rtt / 2))
done
row "$(calculate "$(median far.ours) / $(median near.ours)" 2)" 1.15 \
  "$size over a cable of $rtt ms" "$(spread far.ours 2) s" "without delay $(spread near.ours 2) s"
row "$(calculate "$(median far.plain) / $(median near.plain)" 2)" - "  the same, one plain TCP stream" \
  "$(spread far.plain 2) s" "without delay $(spread near.plain 2) s"
finish
