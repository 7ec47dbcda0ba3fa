#!/bin/bash
# A torrent with two trackers: when the first is killed its peers go over to the second, and when it is
# back they come back, so that the swarm is one again.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# start_second: sets $second, as start_tracker sets $tracker.
start_second() {
  mkdir -p "$work/second"
  start second "$BIN/trackerd" --set listen=127.0.0.1:0 --set "log.file=$work/second/log" \
    --set log.level=debug --set "status_file=$work/second/status.json" --set announce_interval=2s
  second=127.0.0.1:$(listening_port second)
}
# knows TRACKER COUNT: so many peers, as its status file says.
knows() {
  [ "$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["peers"])' \
    "$work/$1/status.json")" = "$2" ]
}
says() { wait_for_line "$work/$1/log" "$2"; }

start_tracker --set log.level=debug
start_second
random_file 1MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --announce "$second"
start_peer seeder
cp "$work/file.bin" "$work/seeder/downloads/"
for name in seeder a; do
  [ "$name" = seeder ] || start_peer "$name"
  drop "$name" "$work/file.torrent"
  check "$name begins at the first tracker" says "$name" "tracker.reached tracker=$tracker "
done
check "which is the only one that is asked" knows second 0
check "and brings them together" wait_complete a

stop tracker KILL || true
for name in seeder a; do
  check "$name says that the first is gone" says "$name" "warn tracker.failed tracker=$tracker "
  check "and that it has gone over to the second" says "$name" "tracker.reached tracker=$second "
done
check "they are together there" wait_until 10 knows second 2
start_peer b
drop b "$work/file.torrent"
check "who comes meanwhile finds them" wait_complete b
check "the copy is equal" cmp "$work/file.bin" "$work/b/downloads/file.bin"

start_tracker --set log.level=debug
for name in seeder a b; do
  check "$name comes back to the first" says "$name" "tracker.returned tracker=$tracker .*from=$second "
done
check "where all of them are together" wait_until 10 knows tracker 3
check_exit "one that ends exits 0 on TERM" 0 stop b
check "the first was told" says tracker "peer.left peer=127.0.0.1:${ports[b]} .*reason=left"
check "and the second, unless it had forgotten it" says second "peer.left peer=127.0.0.1:${ports[b]} "
check "the second is left alone in the end" wait_until 20 knows second 0
stop second KILL || true
start_peer c
drop c "$work/file.torrent"
check "whoever comes now finds them at the first" wait_complete c
check "nobody has left it again" test "$(count_lines "$work/seeder/log" 'warn tracker.failed')" = 1
for name in seeder a c; do check_exit "$name exits 0 on TERM" 0 stop "$name"; done
finish
