#!/bin/bash
# Downloads are killed in place of random system calls, from the first of a run to the last, and gone
# on with: nothing wrong ever bears the final name, and what was stored is not fetched again.
#
# KILLS is how many, KILL_SEED which.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

need_preload faults
kills=${KILLS:-10}
seed=${KILL_SEED:-$RANDOM}
pieces=256
piece_length=16384

sent() { status_value seeder file.bin sent; }
has_sent_enough() { [ "$(sent)" -ge "$1" ]; }

start_tracker
random_file $((pieces * piece_length)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length "$piece_length"
check "a file is seeded" start_seeder

mkdir "$work/runs"
check "what was stored before $kills kills is not fetched again (KILL_SEED=$seed)" \
  "$python" "$support/kill_runs.py" --peerd "$BIN/peerd" --preload "$library" \
  --torrent "$work/file.torrent" --original "$work/file.bin" --work "$work/runs" \
  --seed "$seed" --kills "$kills"
sed 's/^/# /' "$work/check.out"

# A download without a fault came first. In flight are the seeder's answers to 64 Requests at most,
# and as many on the second connection.
downloads=$(($(sed -n 's/.* downloads=\([0-9]*\) .*/\1/p' "$work/check.out") + 1))
needed=$((downloads * pieces * piece_length))
check "the seeder has sent it all" wait_until 5 has_sent_enough "$needed"
check "and again at most what was in flight ($(sent) bytes, $needed needed)" \
  test "$(sent)" -le $((needed + kills * 2 * 64 * piece_length))
finish
