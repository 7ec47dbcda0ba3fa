#!/bin/bash
# The power fails at every moment of a download that is stopped, killed and gone on with, and the
# disk keeps of what was not synced what it likes: nothing wrong is believed, and a peer that starts
# from what is left completes.
#
# POWER_IMAGES is how often it fails at each moment, POWER_RUNS on how many of those a peer is
# started, POWER_RATE the bytes a second of the download: it saves every five seconds. POWER_SEED
# repeats.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=64
piece_length=8192
images=${POWER_IMAGES:-4}
runs=${POWER_RUNS:-12}
seed=${POWER_SEED:-$RANDOM}
disk=$work/leecher/disk

start_slow_seeder $((pieces * piece_length)) "${POWER_RATE:-$((128 << 10))}" \
  --piece-length "$piece_length"
preload journal "JOURNAL=$work/journal" "JOURNAL_ROOT=$(realpath "$work")/leecher/disk"
run_leecher() {
  mkdir -p "$disk"
  BIN=$preloaded start_peer leecher --set log.level=debug --set "download_dir=$disk/downloads" \
    --set "state_dir=$disk/state"
}

run_leecher
drop leecher "$work/file.torrent"
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
check "the copy is equal" cmp "$work/file.bin" "$disk/downloads/file.bin"
check_exit "it is stopped" 0 stop leecher

kill -USR1 "${pids[slow]}"
mkdir "$work/runs"
check "whenever the power fails, nothing wrong is believed, and it completes (POWER_SEED=$seed)" \
  "$python" "$support/power_loss.py" --journal "$work/journal" --torrent "$work/file.torrent" \
  --original "$work/file.bin" --peerd "$BIN/peerd" --work "$work/runs" --seed "$seed" \
  --images "$images" --runs "$runs"
sed 's/^/# /' "$work/check.out"
finish
