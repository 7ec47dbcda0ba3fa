#!/bin/bash
# All benches, as one table: `make bench`. Less than ten minutes on two idle cores. Figures are medians
# of five runs, with the least and the most; the ratio stands first, then its target. What cannot be
# measured here is skipped, with the reason. Not a test: nothing fails for being slow.
#
#   RUNS   how often each thing is measured (default 5)
#   BIN    directory of the programs (default build/release)
set -euo pipefail
if [ -n "${BIN:-}" ]; then
  BIN=$(cd "$BIN" && pwd)
  export BIN BUILD=$BIN # tracker.sh stands alone and knows it by that name
fi
cd "$(dirname "$0")"
export RUNS=${RUNS:-5}

# family TITLE SCRIPT [ARGUMENT]...: its rows, or why there are none.
family() {
  local title=$1 output status=0
  shift
  [ -x "$1" ] || return 0
  [ -z "$title" ] || printf '\n%s\n' "$title"
  output=$("$@" 2>&1) || status=$?
  printf '%s\n' "$output"
  case $status in
    0 | 77) ;;
    *)
      echo "FAILED ($status): $*"
      failed=1
      ;;
  esac
}

failed=0
load=$(cut -d' ' -f1 /proc/loadavg)
echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), load $load"
if awk -v load="$load" -v cores="$(nproc)" 'BEGIN { exit !(load > cores / 4) }'; then
  echo "Others are at work on this machine: processor seconds and links hold, other seconds hardly."
fi
printf '%7s  %-9s %-7s %-40s %s\n' ratio target "" what "ours | beside it, medians of $RUNS (least-most)"
family "Over loopback, beside the limit of the machine" ./transfer.sh
family "TLS" ./tls.sh
family "Small files" ./small.sh
family "Ten thousand torrents" ./start.sh
family "Checking existing data" ./verify.sh
family "A crowd, links of 100 Mbit/s" ./crowd.sh 8
family "" ./crowd.sh 16
family "" ./crowd.sh 32 --runs 1
family "" ./crowd.sh 8 --size 32MiB --straggler 10
family "" ./crowd.sh 8 --size 32MiB --seeder-leaves --runs 1
family "A long cable, 400 Mbit/s" ./delay.sh --size 128MiB
family "Other programs, over loopback" ./others.sh
family "The tracker" ./tracker.sh
exit "$failed"
