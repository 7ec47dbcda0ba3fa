#!/bin/bash
# Hosts on a network of 100 Mbit/s that loses packets, one of them behind a hole that swallows all
# from the middle of a download on: it completes by whoever answers.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../bench/hosts.sh
. "$support/../bench/hosts.sh"

loss=${LOSS_PERCENT:-5}
mib=${LOSS_MIB:-24}
log=$work/leecher/log

has_netem() {
  local status=0
  ip netns add "$net-probe"
  ip -n "$net-probe" link set lo up
  tc -n "$net-probe" qdisc add dev lo root netem loss 1% 2>/dev/null || status=1
  ip netns delete "$net-probe"
  return "$status"
}

need_hosts
hosts_up 4 100
if has_netem; then
  for host in 1 2 3 4; do
    tc -n "$net-$host" qdisc replace dev eth0 root netem rate 100mbit delay 1ms loss "$loss%"
  done
else
  echo "skip - packet loss: this kernel has no netem"
  loss=0
fi
place tracker 1
start_tracker
random_file "${mib}MiB" "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
for number in 2 3; do
  place "seeder$number" "$number"
  start_peer "seeder$number"
  cp "$work/file.bin" "$work/seeder$number/downloads/"
  drop "seeder$number" "$work/file.torrent"
  check "seeder $number seeds" wait_for_line "$work/seeder$number/log" ' torrent\.seeding '
  check "and is announced" wait_for_line "$work/seeder$number/log" ' tracker\.reached '
done
place leecher 4
start_peer leecher --set log.level=debug
drop leecher "$work/file.torrent"
check "a download begins" wait_until 30 received_at_least 8
# What was asked of the one that falls silent is asked of the other in the endgame.
ip -n "$net-0" link set port3 down
check "it is not over when a seeder falls silent" test ! -e "$work/leecher/downloads/file.bin"
check "$mib MiB come through $loss % loss, though one of two seeders falls silent" \
  wait_complete leecher 120
check "the copy is equal" \
  cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
echo "# $(value_of "$log" torrent.complete seconds) s"
check_exit "the leecher stops in time" 0 stop_in_time leecher
finish
