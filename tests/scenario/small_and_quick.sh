#!/bin/bash
# A small file is there almost as soon as its torrent is dropped: nobody waits for a timer to run.
# Prints how long that took; asserts only that it came, whole.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

runs=${RUNS:-20}
size=109000

now_ns() { date +%s%N; }
log_time_ns() { date -d "$(sed -n "s/^\([^ ]*\) info torrent\.complete .* name=$1 .*/\1/p" "$2")" +%s%N; }

# The middle of the numbers on stdin.
median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

start_tracker
start_peer first
start_peer second
start_peer leecher
mkdir "$work/leecher/staging"
for run in $(seq "$runs"); do
  random_file "$size" "$work/$run.bin" "$run"
  make_torrent "$work/$run.bin" "$work/$run.torrent"
  cp "$work/$run.bin" "$work/first/downloads/"
  cp "$work/$run.bin" "$work/second/downloads/"
  cp "$work/$run.torrent" "$work/leecher/staging/"
done
drop first "$work"/*.torrent
drop second "$work"/*.torrent
for name in first second; do
  check "the $name seeder has announced everything" \
    wait_until 20 has_lines "$work/$name/log" ' tracker\.reached ' "$runs"
done

# The file is looked for without a pause: starting even a `sleep` would cost as much as it measures.
: >"$work/complete"
: >"$work/there"
for run in $(seq "$runs"); do
  deadline=$((SECONDS + 20 * SLOW))
  from=$(now_ns)
  mv "$work/leecher/staging/$run.torrent" "$work/leecher/torrents/"
  until [ -e "$work/leecher/downloads/$run.bin" ] || [ "$SECONDS" -ge "$deadline" ]; do :; done
  there=$(now_ns)
  check "$run: it completes" wait_for_line "$work/leecher/log" "torrent\.complete .* name=$run\.bin "
  check "$run: the copy is equal" cmp "$work/$run.bin" "$work/leecher/downloads/$run.bin"
  complete=$(log_time_ns "$run.bin" "$work/leecher/log")
  echo $(((complete - from) / 1000000)) >>"$work/complete"
  echo $(((there - from) / 1000000)) >>"$work/there"
done
echo "# ms from the drop to the log line: median $(median <"$work/complete")," \
  "all: $(sort -n "$work/complete" | tr '\n' ' ')"
echo "# ms from the drop to the file: median $(median <"$work/there")," \
  "all: $(sort -n "$work/there" | tr '\n' ' ')"
finish
