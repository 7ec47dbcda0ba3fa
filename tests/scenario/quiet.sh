#!/bin/bash
# What a fleet does not print: at level warn the normal life of a download leaves no line in any log, and
# with progress_interval 0 a long one leaves no progress lines at level info.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# start_quietly NAME PROGRAM [--set KEY=VALUE]...: at level warn, where no line tells the port.
start_quietly() {
  local name=$1 program=$2
  shift 2
  mkdir -p "$work/$name"
  start "$name" "$BIN/$program" --set "listen=$address:0" --set "log.file=$work/$name/log" \
    --set log.level=warn --set "status_file=$work/$name/status.json" "$@"
  wait_until 10 test -s "$work/$name/status.json"
}
start_quiet_peer() {
  local name=$1
  mkdir -p "$work/$name"/{torrents,downloads,state}
  start_quietly "$name" peerd --set "watch_dir=$work/$name/torrents" \
    --set "download_dir=$work/$name/downloads" --set "state_dir=$work/$name/state"
}

start_quietly tracker trackerd
tracker=$address:$("$python" -c 'import json, sys
print(json.load(open(sys.argv[1]))["listening"][0].rsplit(":", 1)[1])' "$work/tracker/status.json")
random_file 4MiB "$work/quiet.bin"
make_torrent "$work/quiet.bin" "$work/quiet.torrent"
for name in seeder leecher; do start_quiet_peer $name; done
cp "$work/quiet.bin" "$work/seeder/downloads/"
for name in seeder leecher; do drop $name "$work/quiet.torrent"; done
check "a file goes from one to the other" wait_until 20 cmp -s "$work/quiet.bin" "$work/leecher/downloads/quiet.bin"
check "both seed it then" wait_until 5 has_status leecher quiet.bin state seeding
check_exit "one leaves" 0 stop_in_time leecher
start_quiet_peer leecher
check "and comes back" wait_until 20 has_status leecher quiet.bin state seeding
rm "$work/seeder/torrents/quiet.torrent"
gone() { [ -z "$(status_value seeder quiet.bin state)" ]; }
check "the other one's torrent is removed" wait_until 10 gone
for name in leecher seeder tracker; do
  check_exit "$name exits 0" 0 stop_in_time $name
  check "and has not said a word" test -e "$work/$name/log" -a ! -s "$work/$name/log"
  check "not even to its terminal" test ! -s "$work/$name/out"
done

# A download of some seconds, by one that tells of its progress and one that does not.
start_slow_seeder $((4 << 20)) $((1 << 20)) --piece-length 16384
start_peer talking
cat >"$work/silent.yaml" <<END
listen: ["$address:0"]
watch_dir: $work/silent/torrents
download_dir: $work/silent/downloads
state_dir: $work/silent/state
status_file: $work/silent/status.json
progress_interval: 0
log: {file: $work/silent/log}
END
start silent "$BIN/peerd" --config "$work/silent.yaml"
listening_port silent >/dev/null
for name in silent talking; do drop $name "$work/file.torrent"; done
check "one says every second how it goes" wait_until 20 has_lines "$work/talking/log" ' torrent\.progress ' 2
check "the other, still downloading," wait_until 2 has_status silent file.bin state downloading
check "has said nothing of that" test "$(count_lines "$work/silent/log" ' torrent\.progress ')" = 0
sed -i 's/^progress_interval: 0/progress_interval: 1s/' "$work/silent.yaml"
kill -HUP "${pids[silent]}"
check "a reload makes it speak" wait_for_line "$work/silent/log" ' torrent\.progress '
kill -USR1 "${pids[slow]}"
for name in silent talking; do
  check "$name completes" wait_complete $name
  check_exit "$name exits 0" 0 stop $name
done
finish
