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

# lose HOST PERCENT: of the packets that come to it. netfilter rather than netem, which many kernels lack.
lose() {
  on "$1" nft "add table inet loss
    add chain inet loss arriving { type filter hook input priority 0; }
    add rule inet loss arriving iifname eth0 numgen random mod 100 < $2 counter drop"
}
# lost_at HOST: packets, so far.
lost_at() { (on "$1" nft list chain inet loss arriving) | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'; }

need_hosts
[ -n "$(type -P nft)" ] || skip "there is no nft to lose packets with (apt-get install nftables)"
hosts_up 4 100
for host in 1 2 3 4; do
  ip -n "$net-$host" link set eth0 gso_max_segs 1 # or a packet would be 64 KiB
  (lose "$host" "$loss") 2>"$work/nft.log" || skip "netfilter loses no packets here: $(head -n 1 "$work/nft.log")"
done
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
lost=$(lost_at 4)
check "packets were lost" test "$lost" -gt 100
echo "# $(value_of "$log" torrent.complete seconds) s, $lost packets lost on the way to the leecher"
check_exit "the leecher stops in time" 0 stop_in_time leecher
finish
