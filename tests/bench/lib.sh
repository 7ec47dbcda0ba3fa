# shellcheck shell=bash
# What every bench stands on: `. "$(dirname "$0")/lib.sh"`, then samples, medians and rows. Daemons
# are started, and everything is cleaned up, by what the scenarios stand on. All data lies in memory.
#
#   RUNS   how often each thing is measured (default 5); the figures are medians
#   BIN    directory of the programs (default build/release)
#
# A row is: the ratio, its target, whether that was met, what was measured, ours, the other's. Nothing
# here fails for being slow.
export TMPDIR=${TMPDIR:-/dev/shm}
# shellcheck source=../scenario/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scenario/lib.sh"
RUNS=${RUNS:-5}
LC_ALL=C # a point in numbers

# --- figures ----------------------------------------------------------------------------------------

# calculate EXPRESSION [DECIMALS]: of awk, or nothing if it divides by zero.
calculate() { awk "BEGIN { printf \"%.${2:-3}f\", $1 }" 2>/dev/null || true; }

# sample NAME VALUE...: keeps them for the median.
mkdir -p "$work/samples"
sample() {
  local name=$1
  shift
  printf '%s\n' "$@" >>"$work/samples/$name"
}
# median NAME, least NAME, most NAME: of its samples; nothing without any.
median() {
  sort -g "$work/samples/$1" 2>/dev/null |
    awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}
least() { sort -g "$work/samples/$1" 2>/dev/null | head -n 1; }
most() { sort -g "$work/samples/$1" 2>/dev/null | tail -n 1; }
# best_of NAME...: the one with the least median.
best_of() {
  local name
  for name; do
    [ ! -e "$work/samples/$name" ] || echo "$(median "$name") $name"
  done | sort -g | awk 'NR == 1 { print $2 }'
}
# spread NAME [DECIMALS]: "median (least-most)".
spread() {
  printf "%.${2:-3}f (%.${2:-3}f-%.${2:-3}f)" "$(median "$1")" "$(least "$1")" "$(most "$1")"
}

# --- rows -------------------------------------------------------------------------------------------

# row VALUE TARGET WHAT OURS [OTHER]: TARGET is the most that VALUE may be, `>=N` the least, `-` for
# a figure without one.
row() {
  local verdict="" target=$2
  case $2 in
    -) target="" ;;
    '>='*) verdict=$(awk "BEGIN { print ($1 >= ${2#>=}) ? \"met\" : \"missed\" }") ;;
    *)
      verdict=$(awk "BEGIN { print ($1 <= $2) ? \"met\" : \"missed\" }")
      target="<= $2"
      ;;
  esac
  printf '%7s  %-9s %-7s %-40s %s\n' "$1" "$target" "$verdict" "$3" "$4${5:+${4:+ }| $5}"
}
# no_row WHAT REASON: it was not measured.
no_row() { printf '%7s  %-9s %-7s %-40s %s\n' "-" "" skipped "$1" "$2"; }

# --- measuring --------------------------------------------------------------------------------------

now() { echo "${EPOCHREALTIME/,/.}"; }

# pause SECONDS: without starting a process, so that waiting costs what is measured nothing.
exec {never}<> <(:)
pause() { read -r -t "$1" -u "$never" || true; }

# wait_for_file PATH [SECONDS]
wait_for_file() {
  local deadline=$((SECONDS + ${2:-120} * SLOW))
  until [ -e "$1" ]; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    pause 0.01
  done
}

# log_time NAME EVENT [REGEX]: seconds since 1970 of the last such line in its log.
log_time() {
  date -d "$(sed -nE "s/^([^ ]*) [a-z]+ $2 .*${3:-}.*/\1/p" "$work/$1/log" | tail -n 1)" +%s.%N
}

# processor_seconds NAME...: user and system time that they have used so far, in steps of 10 ms.
processor_seconds() {
  local name fields total=0
  for name; do
    read -ra fields <"/proc/${pids[$name]}/stat"
    total=$((total + fields[13] + fields[14]))
  done
  calculate "$total / 100" 2
}

# anonymous_kib NAME...: sets $anonymous to the memory that is theirs and no file's, together, now.
anonymous_kib() {
  local name key value total=0
  for name; do
    while read -r key value _; do
      [ "$key" != RssAnon: ] || break
    done <"/proc/${pids[$name]}/status"
    total=$((total + value))
  done
  # shellcheck disable=SC2034 # for the benches
  anonymous=$total
}
