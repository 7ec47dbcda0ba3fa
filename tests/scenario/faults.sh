#!/bin/bash
# System calls that fail once in the middle of a download, each in a download of its own: the daemon
# says so, goes on or ends with a reason, and has the file in the end.
#
# FAULTS is how many, FAULT_SEED which; 0 is every call of a download with every error it may meet.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

need_preload faults
faults=${FAULTS:-24}
seed=${FAULT_SEED:-$RANDOM}

start_tracker
random_file $((20 * 65536)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
check "a file is seeded" start_seeder

mkdir "$work/runs"
check "$faults downloads complete, whatever call of theirs fails once (FAULT_SEED=$seed)" \
  "$python" "$support/fault_runs.py" --peerd "$BIN/peerd" --preload "$library" \
  --torrent "$work/file.torrent" --original "$work/file.bin" --work "$work/runs" \
  --seed "$seed" --count "$faults"
sed 's/^/# /' "$work/check.out"
finish
