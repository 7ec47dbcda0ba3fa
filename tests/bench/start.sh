#!/bin/bash
# A daemon with ten thousand torrents, of which one in a hundred lacks a piece that nobody has: how
# long from its start to `listening`, behind which READY=1 is sent, until every torrent takes part, and
# until the tracker knows all of them; what it holds then, and uses while nothing happens; and how long
# it takes leave. It has been stopped in order before, so that nothing is to be hashed.
#
#   start.sh [TORRENTS]
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

count=${1:-10000}
missing=$((count / 100))
settle_seconds=8 # what is saved a while after the start is saved
idle_seconds=10
log=$work/host/log

# process_value KEY: from /proc, of the daemon, as a number.
process_value() { sed -n "s/^$1:[[:space:]]*\([0-9]*\).*/\1/p" "/proc/${pids[host]}/status"; }
descriptors() { find "/proc/${pids[host]}/fd" -mindepth 1 | wc -l; }
take_part() { has_lines "$log" ' torrent\.(seeding|downloading) ' "$count"; }
all_announced() { has_lines "$log" ' tracker\.reached ' "$count"; }
hashed() { count_lines "$log" ' torrent\.checking '; }
# since START EVENT NAME: seconds to the last such line, as a sample.
since() { sample "$3" "$(calculate "$(log_time host "$2") - $1" 2)"; }
seconds_row() { row "$(calculate "$(median "$1")" 2)" "$2" "$3" "$(spread "$1" 2) s"; }

# From the start of the daemon until the tracker knows all torrents.
start_host() {
  start_peer host --set progress_interval=1h
  wait_until 120 take_part || not_ok "$(count_lines "$log" ' torrent\.added ') of $count take part"
  wait_until 120 all_announced || not_ok "$(count_lines "$log" ' tracker\.reached ') of $count are announced"
}

start_tracker --set announce_interval=10m
mkdir -p "$work/host"/{torrents,downloads,state}
"$python" "$support/make_many.py" --missing "$missing" "$count" 4096 "$tracker" \
  "$work/host/downloads" "$work/host/torrents"
start_host
stop host || not_ok "the daemon did not stop in order"

for run in $(seq "$RUNS"); do
  from=$(now)
  start_host
  since "$from" listening ready
  since "$from" 'torrent\.(seeding|downloading)' all
  since "$from" 'tracker\.reached' announced
  [ "$(hashed)" -le "$missing" ] || not_ok "run $run: $(hashed) torrents were hashed"
  sample threads "$(process_value Threads)"
  sample descriptors "$(descriptors)"
  sample resident "$(calculate "$(process_value VmRSS) / 1024" 1)"
  pause "$settle_seconds"
  used=$(processor_seconds host)
  pause "$idle_seconds"
  sample idle "$(calculate "($(processor_seconds host) - $used) * 100 / $idle_seconds" 2)"
  from=$(now)
  stop host || not_ok "run $run: the daemon did not stop in order"
  since "$from" peer.stopped stop
done
seconds_row ready 1 "s to READY=1 with $count torrents"
seconds_row all - "s until all of them take part"
seconds_row announced - "s until all of them are announced"
seconds_row stop 5 "s to stop"
row "$(calculate "$(median resident)" 0)" - "MB resident" \
  "$(spread resident 0) MB, $(median threads) threads, $(median descriptors) descriptors"
row "$(calculate "$(median idle)" 1)" - "% of a core while nothing happens" "$(spread idle 1) %"
finish
