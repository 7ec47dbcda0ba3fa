# shellcheck shell=bash
# What every scenario script stands on: `. "$(dirname "$0")/lib.sh"`, then start_tracker, start_peer,
# check …, and `finish` as the last line. Everything happens in $work, which goes away in the end, as
# do the processes started here. Nothing is slept for: what is waited for is an event with a deadline.
#
#   BIN    directory of the programs (default build/release)
#   SLOW   factor on every deadline (default 1; the sanitizers need more)
#   KEEP   not empty: leave $work behind and say where it is
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=$(cd "${BIN:-$here/../../build/release}" && pwd)
SLOW=${SLOW:-1}
support=$here/../support
python=/usr/bin/python3
work=$(mktemp -d "${TMPDIR:-/tmp}/piecework.XXXXXX")
failures=0
scratch=() # directories outside $work that go away with it
mounts=()  # what this script mounted, in a namespace of its own
declare -A pids=() ports=()
# shellcheck disable=SC2034 # for the scripts
tracker=""

# A process is ended by its pid, and only if this script started it.
clean_up() {
  local status=$? name
  trap '' INT TERM PIPE # none of them ends the cleaning up half way
  for name in "${!pids[@]}"; do kill -KILL "${pids[$name]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for name in "${mounts[@]}"; do umount --lazy "$name" || true; done
  if [ -n "${KEEP:-}" ] || [ "$status" != 0 ] && [ "$status" != 77 ]; then show_logs >&2 || true; fi
  if [ -n "${KEEP:-}" ]; then echo "# kept $work ${scratch[*]}" >&2; else rm -rf "$work" "${scratch[@]}"; fi
}
trap clean_up EXIT
trap 'trap "" INT TERM PIPE; exit 130' INT TERM

show_logs() {
  local log
  for log in "$work"/*/log "$work"/*/out "$work"/*.log; do
    [ -s "$log" ] || continue
    echo "# --- ${log#"$work"/}"
    tail -n 25 "$log" | sed 's/^/# /'
  done
}

ok() { echo "ok - $*"; }
not_ok() {
  echo "not ok - $*"
  failures=$((failures + 1))
}

# check SENTENCE COMMAND...: the command succeeds.
check() {
  local sentence=$1
  shift
  if "$@" >"$work/check.out" 2>&1; then
    ok "$sentence"
  else
    not_ok "$sentence"
    tail -n 20 "$work/check.out" | sed 's/^/#   /' # what was seen last, by one that waited
  fi
}

# check_exit SENTENCE STATUS COMMAND...: the command exits with that.
check_exit() {
  local sentence=$1 expected=$2 status=0
  shift 2
  "$@" >"$work/check.out" 2>&1 || status=$?
  if [ "$status" = "$expected" ]; then
    ok "$sentence"
  else
    not_ok "$sentence (exit $status, not $expected)"
    tail -n 20 "$work/check.out" | sed 's/^/#   /'
  fi
}

# The script cannot run here, for that reason.
skip() {
  echo "skip - $*"
  exit 77
}

# The last line of a script.
finish() { [ "$failures" = 0 ]; }

# wait_until SECONDS COMMAND...: looks every 20 ms; false when it never succeeded.
wait_until() {
  local deadline=$((SECONDS + $1 * SLOW + 1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.02
  done
}

# wait_for_line FILE REGEX [SECONDS]
wait_for_line() {
  wait_until "${3:-20}" grep -Eqs -- "$2" "$1" || {
    echo "no line matches '$2' in ${1#"$work"/}"
    return 1
  }
}

# count_lines FILE REGEX
count_lines() { grep -Ec -- "$2" "$1" || true; }

# has_lines FILE REGEX COUNT, for wait_until: at least as many.
has_lines() { [ -e "$1" ] && [ "$(count_lines "$1" "$2")" -ge "$3" ]; }

# start NAME COMMAND...: in the background; output in $work/NAME/out, pid in ${pids[NAME]}.
start() {
  local name=$1
  shift
  mkdir -p "$work/$name"
  "$@" >>"$work/$name/out" 2>&1 </dev/null &
  pids[$name]=$!
}

# stop NAME [SIGNAL]: ends it and returns its exit status.
stop() {
  local pid=${pids[$1]}
  unset "pids[$1]"
  kill -"${2:-TERM}" "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null
}

# The port that NAME's log says it listens on.
listening_port() {
  wait_for_line "$work/$1/log" ' listening address=' >&2 || return 1
  sed -n 's/.* listening address=.*:\([0-9]*\)$/\1/p' "$work/$1/log" | tail -n 1
}

# start_tracker [--set KEY=VALUE]...: sets $tracker to HOST:PORT. Listens on $address.
address=127.0.0.1
start_tracker() {
  mkdir -p "$work/tracker"
  : >"$work/tracker/log"
  start tracker "$BIN/trackerd" --set "listen=$address:${ports[tracker]:-0}" \
    --set "log.file=$work/tracker/log" --set "status_file=$work/tracker/status.json" \
    --set announce_interval=2s "$@"
  ports[tracker]=$(listening_port tracker)
  # shellcheck disable=SC2034
  tracker=$address:${ports[tracker]}
}

# hash_of TORRENT: its info_hash.
hash_of() { "$BIN/peerctl" show --json "$1" | sed -n 's/.*"info_hash": *"\([0-9a-f]*\)".*/\1/p'; }

# start_peer NAME [--set KEY=VALUE]...: a peerd in $work/NAME; the same port when it is started again.
start_peer() {
  local name=$1
  shift
  mkdir -p "$work/$name"/{torrents,downloads,state}
  [ ! -e "$work/$name/log" ] || mv "$work/$name/log" "$work/$name/log.$(date +%s%N)"
  start "$name" "$BIN/peerd" --set "listen=$address:${ports[$name]:-0}" \
    --set "watch_dir=$work/$name/torrents" --set "download_dir=$work/$name/downloads" \
    --set "state_dir=$work/$name/state" --set "status_file=$work/$name/status.json" \
    --set "log.file=$work/$name/log" --set progress_interval=1s "$@"
  ports[$name]=$(listening_port "$name")
}

# start_throttle NAME PEER TORRENT BYTES_PER_SECOND: a slow way to PEER, and the tracker hands it out
# as a peer of the torrent. Nobody should know of the fast one: see throttled_torrent. `kill -USR1
# ${pids[NAME]}` lifts the limit.
start_throttle() {
  local hash
  hash=$(hash_of "$3")
  start "$1" "$python" "$support/throttle.py" "$address:${ports[$2]}" "$4"
  wait_for_line "$work/$1/out" '^listening port='
  ports[$1]=$(sed -n 's/^listening port=//p' "$work/$1/out")
  "$python" "$support/ask_tracker.py" "$address" "${ports[tracker]}" \
    '{"port": '"${ports[$1]}"', "peer_id": "throttle", "event": "started", "left": 0, "info_hash": "'"$hash"'"}' \
    >"$work/$1/announced"
}

# throttled_torrent FILE NAME [OPTION]...: $work/NAME.torrent, and in $work/hidden one that names a
# tracker where nobody answers: for the PEER of start_throttle.
throttled_torrent() {
  local file=$1 name=$2
  shift 2
  mkdir -p "$work/hidden"
  make_torrent "$file" "$work/$name.torrent" "$@"
  tracker=$address:1 make_torrent "$file" "$work/hidden/$name.torrent" "$@"
}

# start_seeder [OPTION]...: a peer `seeder` that seeds $work/file.bin by $work/file.torrent, or by
# $seeded_torrent.
start_seeder() {
  start_peer seeder "$@"
  cp "$work/file.bin" "$work/seeder/downloads/"
  drop seeder "${seeded_torrent:-$work/file.torrent}"
  wait_for_line "$work/seeder/log" 'torrent\.seeding '
}

# fetches [SECONDS]: peerctl gets $work/file.bin by $work/file.torrent, another copy each time, within
# so many (default 10).
fetched=0
fetches() {
  fetched=$((fetched + 1))
  timeout $((${1:-10} * SLOW)) "$BIN/peerctl" get "$work/file.torrent" -o "$work/fair$fetched" &&
    cmp "$work/file.bin" "$work/fair$fetched/file.bin"
}

# tracker_answers REQUEST: within five seconds, and does what it is asked for.
tracker_answers() {
  timeout $((5 * SLOW)) "$python" "$support/ask_tracker.py" "$address" "${ports[tracker]}" "$1" |
    grep -q '"error_code":0'
}

# start_slow_seeder BYTES BYTES_PER_SECOND [OPTION]...: a tracker, and a peer `seeder` that has
# $work/file.bin of so many bytes. Whoever drops $work/file.torrent knows no way to it but ${pids[slow]},
# which is throttled.
start_slow_seeder() {
  local bytes=$1 rate=$2
  shift 2
  start_tracker --set announce_interval=60s
  random_file "$bytes" "$work/file.bin"
  throttled_torrent "$work/file.bin" file "$@"
  seeded_torrent=$work/hidden/file.torrent start_seeder
  start_throttle slow seeder "$work/file.torrent" "$rate"
}

# The pieces that `leecher`, which logs debug lines, has stored in this run.
received() { count_lines "$work/leecher/log" ' piece\.complete '; }
received_at_least() { [ "$(received)" -ge "$1" ]; }

# need_preload NAME: $library is what has been built of tests/preload/NAME.cc; skips without it.
need_preload() {
  library=$BIN/preload/$1.so
  [ -e "$library" ] || skip "there is no $library (make preloads)"
}

# preload LIBRARY [VARIABLE=VALUE]...: $preloaded has daemons that run with tests/preload/LIBRARY.cc
# and those variables; for `BIN=$preloaded start_peer`. Skips when it has not been built.
preload() {
  local daemon
  need_preload "$1"
  shift
  # shellcheck disable=SC2034 # for the scripts
  preloaded=$(mktemp -d "$work/programs.XXXXXX")
  for daemon in peerd trackerd; do
    {
      echo '#!/bin/bash'
      printf 'export %q\n' "$@" "LD_PRELOAD=$library" \
        "ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0"
      printf 'exec %q "$@"\n' "$BIN/$daemon"
    } >"$preloaded/$daemon"
    chmod +x "$preloaded/$daemon"
  done
}

# drop NAME TORRENT...: into its watched directory, whole at once.
drop() {
  local name=$1 torrent
  shift
  for torrent; do
    cp "$torrent" "$work/$name/torrents/.dropping"
    mv "$work/$name/torrents/.dropping" "$work/$name/torrents/${torrent##*/}"
  done
}

# stop_in_time NAME: it exits 0 within five seconds of TERM.
stop_in_time() {
  local pid=${pids[$1]}
  kill -TERM "$pid"
  wait_until 4 is_gone "$pid" || kill -KILL "$pid"
  stop "$1"
}
is_gone() { ! grep -Eqs '^State:[[:space:]]+[^Z]' "/proc/$1/status"; }

# wait_complete NAME [SECONDS [COUNT]]: until its log tells of COUNT complete torrents.
wait_complete() {
  wait_until "${2:-60}" has_completed "$1" "${3:-1}" || {
    echo "$1 has not completed ${3:-1}"
    return 1
  }
}
has_completed() { [ "$(count_lines "$work/$1/log" ' torrent\.complete ')" -ge "$2" ]; }

# random_file SIZE PATH [SEED]
random_file() { "$python" "$support/make_random_file.py" "$@"; }

# make_small_tree PATH: a directory of 480,002 bytes in five files, one of them empty, one that may be
# run, some in directories of their own. No border between two is one of a power of two bytes.
make_small_tree() {
  mkdir -p "$1/inner/most"
  random_file 200001 "$1/inner/most/first"
  random_file 30000 "$1/inner/run" 2
  chmod 755 "$1/inner/run"
  : >"$1/none"
  random_file 250000 "$1/second" 3
  printf x >"$1/tiny"
}

# make_torrent FILE OUT [OPTION]...: announced to $tracker.
make_torrent() {
  local file=$1 out=$2
  shift 2
  "$BIN/peerctl" make "$file" -o "$out" --announce "$tracker" "$@" 2>"$work/make.log" || {
    cat "$work/make.log"
    return 1
  }
}

# keep_pieces FROM TO PIECE_LENGTH INDEX...: TO is a file as long as FROM that holds just those pieces.
keep_pieces() {
  local from=$1 to=$2 length=$3 index
  shift 3
  truncate -s "$(stat -c %s "$from")" "$to"
  for index; do
    dd if="$from" of="$to" bs="$length" count=1 skip="$index" seek="$index" conv=notrunc status=none
  done
}

# value_of FILE EVENT KEY: of the last line with that event in a log.
value_of() { sed -n "s/.* $2 .*\b$3=\([^ ]*\).*/\1/p" "$1" | tail -n 1; }

# status_value NAME TORRENT_NAME KEY: from its status file.
status_value() {
  "$python" -c 'import json, sys
for torrent in json.load(open(sys.argv[1]))["torrents"]:
    if torrent["name"] == sys.argv[2]: print(torrent[sys.argv[3]])' "$work/$1/status.json" "$2" "$3"
}

# has_status NAME TORRENT_NAME KEY VALUE, for wait_until: the file is a second behind.
has_status() { [ "$(status_value "$1" "$2" "$3")" = "$4" ]; }
# has_reason NAME TORRENT_NAME [REGEX]: its status gives a reason (that matches).
has_reason() { status_value "$1" "$2" reason | grep -Eq -- "${3:-.}"; }

# What NAME holds now.
memory_kib() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/${pids[$1]}/status"; }
threads_of() { sed -n 's/^Threads:[^0-9]*//p' "/proc/${pids[$1]}/status"; }
descriptors_of() { find "/proc/${pids[$1]}/fd" -mindepth 1 | wc -l; }

# note_size NAME: of before something happens to it. is_as_before NAME [MIB]: it has as many threads
# and descriptors as then, or nearly, and at most so much more memory (default 16).
declare -A size_before=()
note_size() { size_before[$1]="$(memory_kib "$1") $(threads_of "$1") $(descriptors_of "$1")"; }
is_as_before() {
  local memory threads descriptors now most=${2:-16}
  [ "$SLOW" = 1 ] || most=$((most + 512)) # the sanitizers keep what was freed, 256 MiB and more
  read -r memory threads descriptors <<<"${size_before[$1]}"
  now="$(memory_kib "$1") $(threads_of "$1") $(descriptors_of "$1")"
  echo "$1: KiB, threads and descriptors ${size_before[$1]} before, $now now"
  awk -v m="$memory" -v t="$threads" -v d="$descriptors" -v most="$most" \
    '{ exit !($1 <= m + most * 1024 && $2 <= t + 8 && $3 <= d + 8) }' <<<"$now"
}
