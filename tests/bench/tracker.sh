#!/bin/bash
# Announces a second of trackerd beside opentracker (Debian package opentracker, if it is there), with
# a new TCP connection each, on loopback; both in turn, so that a busy machine is busy for both.
#
#   tests/bench/tracker.sh [--compact] [ROUNDS]     5 rounds unless told otherwise
#
# The first line of each comparison is the ratio ours/opentracker of the medians. CPU is user and
# system time of the daemon for one announce. Last the memory of trackerd with 100,000 peers.
# --compact prints one line each: NAME key=value…
set -u

cd "$(dirname "$0")/../.." || exit 1
bin=${BUILD:-build/release}
load=$bin/bench/announce_load
compact=
[ "${1:-}" = --compact ] && { compact=1; shift; }
rounds=${1:-5}
port=${TRACKER_BENCH_PORT:-16666}
work=$(mktemp -d) || exit 1
pids=()
# shellcheck disable=SC2317 # called by the trap
end() {
  [ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null
  wait
  rm -r "$work"
}
trap end EXIT
for program in "$bin/trackerd" "$load"; do
  [ -x "$program" ] || { echo "$0: no $program (make all bench-programs)" >&2; exit 1; }
done

# start_ours / start_open: sets $pid once the daemon listens.
start_ours() {
  "$bin/trackerd" --set "listen=127.0.0.1:$port" --set status_file= --set log.file="$work/log" \
    --config /dev/null 2>"$work/trackerd.err" &
  pid=$!
  await "$port"
}
start_open() {
  # Debian's build serves only torrents that it is told of: those of the load.
  mkdir -m 0755 "$work/opentracker"
  chmod 0755 "$work"
  awk 'BEGIN { for (i = 0; i < 1000; i++) printf "%08x%032x\n", i, 0 }' >"$work/opentracker/allowed"
  opentracker -i 127.0.0.1 -p "$((port + 1))" -P "$((port + 1))" -d "$work/opentracker" -u nobody \
    -w allowed >"$work/opentracker.log" 2>&1 &
  pid=$!
  await "$((port + 1))"
}
await() {
  for _ in $(seq 200); do
    kill -0 "$pid" 2>/dev/null || break
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && { pids+=("$pid"); return; }
    sleep 0.05
  done
  cat "$work"/*.err "$work"/*.log 2>/dev/null
  echo "$0: a tracker does not start on port $1" >&2
  exit 1
}

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# measure NAME PID OPTION…: appends "per_second cpu_us p50_us p99_us" to $work/NAME.
measure() {
  local name=$1 daemon=$2 before after
  shift 2
  before=$(ticks "$daemon")
  "$load" --announces "$announces" "$@" >"$work/out" || exit 1
  after=$(ticks "$daemon")
  awk -v ticks="$((after - before))" -v hz="$(getconf CLK_TCK)" -v n="$announces" '{
    for (i = 1; i <= NF; i++) { split($i, part, "="); value[part[1]] = part[2] }
    print value["per_second"], ticks * 1e6 / hz / n, value["p50_us"], value["p99_us"]
  }' "$work/out" >>"$work/$name"
}

# median FILE FIELD
median() { sort -nk"$2,$2" "$1" | awk -v field="$2" '{ v[NR] = $field } END { print v[int((NR + 1) / 2)] }'; }
summary() {
  printf 'per_second=%.0f cpu_us=%.1f p50_us=%.0f p99_us=%.0f' "$(median "$1" 1)" "$(median "$1" 2)" \
    "$(median "$1" 3)" "$(median "$1" 4)"
}

# compare TITLE NAME OPTION…
compare() {
  local title=$1 name=$2 round ratio=
  shift 2
  rm -f "$work/ours" "$work/open"
  for round in $(seq "$rounds"); do
    measure ours "$ours" --port "$port" "$@"
    [ -z "$open" ] || measure open "$open" --http --port "$((port + 1))" "$@"
  done
  [ -z "$open" ] || ratio=$(awk -v a="$(median "$work/ours" 1)" -v b="$(median "$work/open" 1)" \
    'BEGIN { printf "%.2f", a / b }')
  if [ -n "$compact" ]; then
    echo "tracker.$name${ratio:+ ratio=$ratio} $(summary "$work/ours")"
    [ -z "$open" ] || echo "opentracker.$name $(summary "$work/open")"
  else
    echo "$title, $round rounds of $announces announces${ratio:+: $ratio times opentracker}"
    echo "  trackerd     $(summary "$work/ours")"
    [ -z "$open" ] || echo "  opentracker  $(summary "$work/open")"
  fi
}

# memory TITLE NAME SWARMS
memory() {
  local before after
  start_ours
  before=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
  "$load" --port "$port" --announces 100000 --peers 100000 --swarms "$3" >/dev/null || exit 1
  after=$(awk '/VmRSS/ { rss = $2 } /VmHWM/ { hwm = $2 } END { print rss, hwm }' "/proc/$pid/status")
  kill "$pid"
  wait "$pid"
  unset 'pids[-1]'
  if [ -n "$compact" ]; then
    echo "tracker.memory_$2 before_kb=$before rss_kb=${after% *} hwm_kb=${after#* }"
  else
    echo "$1: $before kB before, ${after% *} kB then, ${after#* } kB at most"
  fi
}

open=
start_ours
ours=$pid
if command -v opentracker >/dev/null; then
  start_open
  open=$pid
else
  echo "# opentracker is not installed: trackerd alone"
fi
announces=50000
compare "64 at a time" 64 --at-a-time 64
compare "64 at a time, 50 peers in each answer" 64_peers --at-a-time 64 --swarms 1
announces=20000
compare "One at a time" 1 --at-a-time 1
kill "${pids[@]}"
wait
pids=()
announces=100000
memory "100,000 peers in one swarm" one_swarm 1
memory "100,000 peers in 1,000 swarms" many_swarms 1000
