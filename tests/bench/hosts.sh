# shellcheck shell=bash
# Hosts on a switch: a network namespace each, joined to a bridge in another, with links of a given
# rate. Sourced after lib.sh (or the scenarios' lib.sh), whose start, start_tracker and start_peer then
# work in them: `place NAME HOST` first.
#
#   need_hosts            skips with the reason where this cannot be done
#   hosts_up COUNT MBIT   hosts 1 to COUNT; MBIT 0 leaves the links as fast as the machine is
#   limit_host HOST MBIT  changes both directions of one link
#   on HOST COMMAND...    runs it there, as this process (exec it, or take a subshell)
#   address_of HOST       its address; host 0 is the switch itself, whose way to each host is that
#                         host's link
#
# The names are this process's own, and what was made goes away with the script.

: "${work:?lib.sh comes first}"
hosts=0
net=pw$$
declare -A host_of=() # which daemon runs where

host_namespace() { echo "$net-$1"; }
hardware_of() { printf '02:00:00:00:%02x:%02x\n' $(($1 / 256)) $(($1 % 256)); }
address_of() { echo "10.77.$((($1 + 1) / 250)).$((($1 + 1) % 250 + 1))"; }
on() {
  local namespace=/run/netns/$net-$1
  shift
  nsenter "--net=$namespace" "$@"
}

# Ends what runs in the hosts before the hosts.
clean_up_hosts() {
  clean_up
  hosts_down
}
trap clean_up_hosts EXIT

need_hosts() {
  local tool
  [ "$(id -u)" = 0 ] || skip "network namespaces need root"
  for tool in ip tc nsenter; do
    [ -n "$(type -P "$tool")" ] || skip "there is no $tool (apt-get install iproute2 util-linux)"
  done
  ip netns add "$net-probe" 2>/dev/null || skip "this kernel, or this container, makes no network namespaces"
  if ! { ip -n "$net-probe" link add name one type veth peer name two &&
    ip -n "$net-probe" link add name switch type bridge &&
    tc -n "$net-probe" qdisc add dev one root tbf rate 100mbit burst 128k latency 20ms; } 2>/dev/null; then
    ip netns delete "$net-probe"
    skip "no veth pairs, no bridge or no tbf in this kernel"
  fi
  ip netns delete "$net-probe"
}

# shape NAMESPACE DEVICE MBIT: what leaves by that device.
shape() { tc -n "$1" qdisc replace dev "$2" root tbf rate "$3mbit" burst 128k latency 20ms; }

limit_host() {
  shape "$net-$1" eth0 "$2"
  shape "$net-0" "port$1" "$2"
}

add_namespace() {
  ip netns add "$1"
  ip -n "$1" link set lo up
}

hosts_up() {
  local host
  add_namespace "$net-0"
  ip -n "$net-0" link add name switch address "$(hardware_of 0)" type bridge
  ip -n "$net-0" address add "$(address_of 0)/16" dev switch
  ip -n "$net-0" link set switch up
  for host in $(seq "$1"); do
    hosts=$host
    add_namespace "$net-$host"
    ip -n "$net-0" link add name "port$host" type veth peer name eth0 \
      address "$(hardware_of "$host")" netns "$net-$host"
    ip -n "$net-0" link set "port$host" master switch up
    ip -n "$net-$host" address add "$(address_of "$host")/16" dev eth0
    ip -n "$net-$host" link set eth0 up
    [ "$2" = 0 ] || limit_host "$host" "$2"
  done
  introduce_hosts
}

# Everybody knows everybody's hardware address: all namespaces together may learn no more than 1,024
# (gc_thresh3 of arp(7)), and 33 hosts that all talk to each other need more; then connects time out.
introduce_hosts() {
  local host other device
  for ((host = 0; host <= hosts; ++host)); do
    device=eth0
    [ "$host" -gt 0 ] || device=switch
    for other in $(seq 0 "$hosts"); do
      [ "$other" = "$host" ] || echo "neighbor replace $(address_of "$other") \
        lladdr $(hardware_of "$other") dev $device nud permanent"
    done | ip -n "$net-$host" -batch -
  done
}

hosts_down() {
  local host
  for ((host = 0; host <= hosts; ++host)); do
    [ ! -e "/run/netns/$net-$host" ] || ip netns delete "$net-$host"
  done
  hosts=0
}

# place NAME HOST: where start puts it; the daemon listens on that host's address.
place() {
  host_of[$1]=$2
  # shellcheck disable=SC2034 # for start_tracker and start_peer
  address=$(address_of "$2")
}

# start as in the scenarios, but in its host. nsenter becomes the program: the pid is the daemon's.
start() {
  local name=$1
  shift
  mkdir -p "$work/$name"
  if [ -n "${host_of[$name]:-}" ]; then
    set -- nsenter "--net=/run/netns/$net-${host_of[$name]}" "$@"
  fi
  "$@" >>"$work/$name/out" 2>&1 </dev/null &
  # shellcheck disable=SC2004,SC2034 # of the scenarios, by name
  pids[$name]=$!
}

# traffic NAME: bytes that the host of that daemon has sent and received, all headers included.
traffic() {
  local line fields
  while read -r line; do
    [[ $line == eth0:* ]] || continue
    read -ra fields <<<"${line#eth0:}"
    echo "${fields[8]} ${fields[0]}"
  done <"/proc/${pids[$1]}/net/dev"
}

# plain_stream FROM TO FILE: seconds that one TCP connection takes for that file between two hosts.
plain_stream() {
  local limit=$BIN/bench/limit
  place stream "$1"
  rm -f "$work/stream/out"
  start stream "$limit" send "$3" "$(address_of "$1"):0"
  wait_for_line "$work/stream/out" '^listening port=' >&2
  on "$2" "$limit" receive "$work/stream/received" "$(stat -c %s "$3")" 1 \
    "$(address_of "$1"):$(sed -n 's/^listening port=//p' "$work/stream/out")" |
    sed -n 's/.* seconds=\([0-9.]*\).*/\1/p'
  rm "$work/stream/received"
  stop stream || true
}
