#!/bin/bash
# The power fails at every moment of a download that is stopped, killed and gone on with, and the
# disk keeps of what was not synced what it likes: nothing wrong is believed, and a peer that starts
# from what is left completes. Once with a file, once with a directory whose pieces lie across files.
#
# POWER_IMAGES is how often it fails at each moment, POWER_RUNS on how many of those a peer is
# started, POWER_RATE the bytes a second of the download: it saves every five seconds. POWER_SEED
# repeats.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

piece_length=8192
rate=${POWER_RATE:-$((128 << 10))}
images=${POWER_IMAGES:-4}
runs=${POWER_RUNS:-12}
seed=${POWER_SEED:-$RANDOM}
disk=$work/leecher/disk

run_leecher() {
  mkdir -p "$disk"
  BIN=$preloaded start_peer leecher --set log.level=debug --set "download_dir=$disk/downloads" \
    --set "state_dir=$disk/state"
}

# power_fails_during NAME: the download of $work/NAME. What it leaves is in $work/NAME.left.
power_fails_during() {
  local name=$1
  echo "# $name"
  throttled_torrent "$work/$name" "$name" --piece-length "$piece_length"
  cp -a "$work/$name" "$work/seeder/downloads/"
  drop seeder "$work/hidden/$name.torrent"
  check "it is seeded" wait_for_line "$work/seeder/log" " torrent\.seeding .*name=$name "
  start_throttle "slow_$name" seeder "$work/$name.torrent" "$rate"
  preload journal "JOURNAL=$work/$name.journal" "JOURNAL_ROOT=$(realpath "$work")/leecher/disk"

  run_leecher
  drop leecher "$work/$name.torrent"
  check "a download begins" wait_until 20 received_at_least 12
  check_exit "and is stopped" 0 stop leecher
  run_leecher
  check "goes on" wait_until 20 received_at_least 8
  stop leecher KILL || true
  run_leecher
  check "goes on after it was killed" wait_until 20 received_at_least 8
  check_exit "and is stopped" 0 stop leecher
  run_leecher
  check "and completes" wait_complete leecher
  check "the copy is equal" diff -r "$work/$name" "$disk/downloads/$name"
  check_exit "it is stopped" 0 stop leecher
  mv "$work/leecher" "$work/$name.left"

  kill -USR1 "${pids[slow_$name]}"
  mkdir "$work/$name.runs"
  check "whenever the power fails, nothing wrong is believed, and it completes (POWER_SEED=$seed)" \
    "$python" "$support/power_loss.py" --journal "$work/$name.journal" \
    --torrent "$work/$name.torrent" --original "$work/$name" --peerd "$BIN/peerd" \
    --work "$work/$name.runs" --seed "$seed" --images "$images" --runs "$runs"
  sed 's/^/# /' "$work/check.out"
}

start_tracker --set announce_interval=60s
start_peer seeder
random_file $((64 * piece_length)) "$work/file"
power_fails_during file

make_small_tree "$work/tree"
power_fails_during tree
finish
