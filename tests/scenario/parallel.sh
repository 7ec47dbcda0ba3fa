#!/bin/bash
# A leecher that knows one peer only fetches over two connections from it, on two cores at each end;
# one that knows two peers has no need to.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

connections_to() { count_lines "$work/$1/log" " peer\.connected peer=$address:${ports[$2]} "; }
# What a connection has received, by the log of its end.
received_by() {
  sed -n "s/.* peer\.closed .*$1 received=\([0-9]*\) .*/\1/p" "$work/alone/log"
}

start_tracker --set announce_interval=60s
random_file $((48 << 20)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent"
for name in first second; do
  start_peer "$name"
  cp "$work/file.bin" "$work/$name/downloads/"
done

drop first "$work/file.torrent"
wait_for_line "$work/first/log" 'tracker\.reached'
start_peer alone
drop alone "$work/file.torrent"
check "a leecher with one seeder completes" wait_complete alone
check "the copy is equal" cmp "$work/file.bin" "$work/alone/downloads/file.bin"
check "it had two connections to it" test "$(connections_to alone first)" = 2
check "which are both over" wait_until 10 has_lines "$work/alone/log" ' peer\.closed ' 2
check "the second one says which it is" grep -q ' peer\.connected .* connection=1 ' "$work/alone/log"
check "at both ends" grep -q ' peer\.connected .* connection=1 ' "$work/first/log"
check "the first gave something" test "$(received_by 'dialled=yes listens=[^ ]*')" -gt 0
check "the second gave something" test "$(received_by 'connection=1 .*')" -gt 0
check "it stops in time" stop_in_time alone

drop second "$work/file.torrent"
wait_for_line "$work/second/log" 'tracker\.reached'
start_peer served
drop served "$work/file.torrent"
check "a leecher with two seeders completes" wait_complete served
check "the copy is equal" cmp "$work/file.bin" "$work/served/downloads/file.bin"
check "it had one connection to each" \
  test "$(connections_to served first) $(connections_to served second)" = "1 1"
for name in served first second; do check "$name stops in time" stop_in_time "$name"; done
finish
