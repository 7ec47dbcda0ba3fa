#!/bin/bash
# System calls that fail once in the middle of a download, each in a download of its own: the daemon
# says so, goes on or ends with a reason, and has everything in the end. Of a file, and of a directory.
#
# FAULTS is how many of each, FAULT_SEED which; 0 is every call of a download with every error it may
# meet.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

need_preload faults
faults=${FAULTS:-12}
seed=${FAULT_SEED:-$RANDOM}

start_tracker
start_peer seeder
random_file $((20 * 65536)) "$work/file"
make_small_tree "$work/tree"
for name in file tree; do
  make_torrent "$work/$name" "$work/$name.torrent" --piece-length 64KiB
  cp -a "$work/$name" "$work/seeder/downloads/"
  drop seeder "$work/$name.torrent"
  check "a $name is seeded" wait_for_line "$work/seeder/log" " torrent\.seeding .*name=$name "
done

for name in file tree; do
  mkdir -p "$work/$name.runs"
  start "of_$name" "$python" "$support/fault_runs.py" --peerd "$BIN/peerd" --preload "$library" \
    --torrent "$work/$name.torrent" --original "$work/$name" --work "$work/$name.runs" \
    --seed "$seed" --count "$faults" --parallel 6
done
for name in file tree; do
  check "$faults downloads of a $name complete, whatever call of theirs fails once (FAULT_SEED=$seed)" \
    wait "${pids[of_$name]}"
  unset "pids[of_$name]"
  sed 's/^/# /' "$work/of_$name/out"
done
finish
