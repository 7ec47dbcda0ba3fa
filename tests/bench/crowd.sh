#!/bin/bash
# One file to many hosts at once, over links of 100 Mbit/s: how long until the last one has it, beside
# what one plain TCP stream over the same link takes for the file; and what the seed had to send.
#
#   crowd.sh [HOSTS] [--size 64MiB] [--piece-length BYTES] [--rate MBIT] [--initial-seeders 1|2]
#            [--straggler MBIT | --seeder-leaves] [--runs N] [--hosts]
#
#   --straggler      one more host, with a link of that rate: what does it cost the others?
#   --seeder-leaves  the seeder is killed as soon as every piece is verified somewhere
#   --hosts          also prints each host's seconds
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hosts.sh
. "$(dirname "$0")/hosts.sh"
# shellcheck source=swarm.sh
. "$(dirname "$0")/swarm.sh"

count=8 size=64MiB piece_length="" rate=100 straggler=0 leaves="" runs=$RUNS each=""
while [ $# -gt 0 ]; do
  case $1 in
    --size) size=$2 ;;
    --piece-length) piece_length=$2 ;;
    --rate) rate=$2 ;;
    --initial-seeders) seeders=$2 ;;
    --straggler) straggler=$2 ;;
    --runs) runs=$2 ;;
    --seeder-leaves) leaves=1 ;;
    --hosts) each=1 ;;
    [0-9]*) count=$1 ;;
    *) exit 64 ;;
  esac
  case $1 in --seeder-leaves | --hosts | [0-9]*) shift ;; *) shift 2 ;; esac
done

slow=$((count + 1)) # the straggler, if there is one, comes last

# Whole files that the seeders have sent, as they count it.
seed_sent() {
  local name total=0
  for name in $(seeder_names); do
    total=$(calculate "$total + $(status_value "$name" file.bin sent)" 0)
  done
  calculate "$total / $bytes"
}
# The status file is written once a second: the next one has the last bytes.
status_is_new() { [ "$work/seeder1/status.json" -nt "$work/times" ]; }

# run_crowd CASE EVERYBODY: samples CASE.last, .median, .slowest and .sent, of the first $count.
run_crowd() {
  local case=$1 everybody=$2 last middle slowest
  start_seeders
  start_leechers "$everybody"
  drop_everywhere "$everybody"
  wait_everywhere "$count"
  wait_until 3 status_is_new || true
  sample "$case.sent" "$(seed_sent)"
  sort -g "$work/times" | awk '{ v[NR] = $1 }
    END { m = (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2; print v[NR], m, v[NR] / m }' >"$work/summary"
  read -r last middle slowest <"$work/summary"
  sample "$case.last" "$last"
  sample "$case.median" "$middle"
  sample "$case.slowest" "$slowest"
  [ -z "$each" ] || echo "# $(sort -g "$work/times" | tr '\n' ' ')"
  # shellcheck disable=SC2046 # words
  end_all $(leecher_names "$everybody") $(seeder_names)
}

# run_leaving: everybody completes although the seeders are killed when each piece is out once.
run_leaving() {
  start_seeders
  start_leechers "$count" debug
  drop_everywhere "$count"
  wait_until 120 every_piece_is_out
  # shellcheck disable=SC2046 # words
  sample leaves.sent "$(calculate "$(sent_by $(seeder_names)) / $bytes")"
  # shellcheck disable=SC2046 # words
  end_all $(seeder_names)
  sample leaves.out "$(calculate "$(now) - $dropped")"
  wait_everywhere "$count"
  sample leaves.last "$(sort -g "$work/times" | tail -n 1)"
  # shellcheck disable=SC2046 # words
  end_all $(leecher_names "$count")
}
every_piece_is_out() {
  [ "$(sed -n 's/.* piece\.complete .*\bpiece=\([0-9]*\).*/\1/p' "$work"/leecher*/log | sort -u | wc -l)" -ge "$pieces" ]
}

title="$size to $count hosts"
[ "$seeders" = 1 ] || title+=", $seeders seeds"

report_crowd() {
  local bound target most_sent=1.15
  bound=$(median plain)
  [ "$seeders" = 1 ] || most_sent=-
  case $count in
    8) target=1.10 ;;
    16) target=1.15 ;;
    *) target=- ;;
  esac
  row "$(calculate "$(median crowd.last) / $bound" 2)" "$target" "$title: last host" \
    "$(spread crowd.last 2) s" "one plain stream $(spread plain 2) s, $(calculate "$bytes * 8 / $bound / 1e6" 1) Mbit/s"
  row "$(calculate "$(median crowd.slowest)" 2)" 1.10 "  slowest beside median host" \
    "$(spread crowd.slowest 2)" "median host $(spread crowd.median 2) s"
  row "$(calculate "$(median crowd.sent)" 2)" "$most_sent" \
    "  files sent by who had it at first" "$(spread crowd.sent 2)"
}

need_hosts
[ -x "$BIN/bench/limit" ] || skip "$BIN/bench/limit is not built"
random_file "$size" "$work/file.bin"
bytes=$(stat -c %s "$work/file.bin")
hosts_up $((seeders + slow)) "$rate"
place tracker 0
start_tracker
make_torrent "$work/file.bin" "$work/file.torrent" ${piece_length:+--piece-length "$piece_length"}
pieces=$("$BIN/peerctl" show --json "$work/file.torrent" | sed -n 's/.*"pieces": *\([0-9]*\).*/\1/p')

if [ -n "$leaves" ]; then
  for _ in $(seq "$runs"); do run_leaving; done
  row "$(calculate "$(median leaves.sent)" 2)" - "$title: seed leaves" \
    "files on its link when each piece is out, after $(spread leaves.out 2) s" \
    "$([ "$failures" = 0 ] && echo "all completed after $(spread leaves.last 2) s" || echo "NOT all completed")"
elif [ "$straggler" != 0 ]; then
  limit_host "$(host_of_leecher "$slow")" "$straggler"
  for _ in $(seq "$runs"); do
    run_crowd crowd "$count"
    run_crowd straggler "$slow"
  done
  row "$(calculate "$(median straggler.last) / $(median crowd.last)" 2)" 1.05 \
    "$title: with one of $straggler Mbit/s" "last of the others $(spread straggler.last 2) s" \
    "without it $(spread crowd.last 2) s"
else
  for _ in $(seq "$runs"); do
    sample plain "$(plain_stream 1 $((seeders + 1)) "$work/file.bin")"
    run_crowd crowd "$count"
  done
  report_crowd
fi
finish
