#!/bin/bash
# Downloads are killed in place of random system calls, from the first of a run to the last, and gone
# on with: nothing wrong ever bears the final name, and what was stored is not fetched again. Of a
# file, and of a directory.
#
# KILLS is how many of each, KILL_SEED which.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

need_preload faults
kills=${KILLS:-6}
seed=${KILL_SEED:-$RANDOM}

sent() { status_value seeder "$1" sent; }
has_sent_enough() { [ "$(sent "$1")" -ge "$2" ]; }

# are_killed NAME BYTES PIECE_LENGTH: downloads of $work/NAME.
are_killed() {
  local name=$1 bytes=$2 piece_length=$3 downloads needed
  echo "# $name"
  make_torrent "$work/$name" "$work/$name.torrent" --piece-length "$piece_length"
  cp -a "$work/$name" "$work/seeder/downloads/"
  drop seeder "$work/$name.torrent"
  check "it is seeded" wait_for_line "$work/seeder/log" " torrent\.seeding .*name=$name "
  mkdir "$work/$name.runs"
  check "what was stored before $kills kills is not fetched again (KILL_SEED=$seed)" \
    "$python" "$support/kill_runs.py" --peerd "$BIN/peerd" --preload "$library" \
    --torrent "$work/$name.torrent" --original "$work/$name" --work "$work/$name.runs" \
    --seed "$seed" --kills "$kills"
  sed 's/^/# /' "$work/check.out"

  # A download without a fault came first. In flight are the seeder's answers to 64 Requests at most,
  # and as many on the second connection.
  downloads=$(($(sed -n 's/.* downloads=\([0-9]*\) .*/\1/p' "$work/check.out") + 1))
  needed=$((downloads * bytes))
  check "the seeder has sent it all" wait_until 5 has_sent_enough "$name" "$needed"
  check "and again at most what was in flight ($(sent "$name") bytes, $needed needed)" \
    test "$(sent "$name")" -le $((needed + kills * 2 * 64 * piece_length))
}

start_tracker
start_peer seeder
random_file 4MiB "$work/file"
are_killed file $((4 << 20)) 16384
make_small_tree "$work/tree"
are_killed tree 480002 2048
finish
