#!/bin/bash
# A host that has seeded enough leaves the swarm: by what it sent, by how long it did. That holds over a
# restart, and a limit that is lifted lets it go on.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_tracker
random_file 1MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 65536

mkdir -p "$work/giver"/{torrents,downloads,state}
giver_config() { # RATIO
  cat >"$work/giver.yaml" <<END
listen: ["$address:${ports[giver]:-0}"]
watch_dir: $work/giver/torrents
download_dir: $work/giver/downloads
state_dir: $work/giver/state
status_file: $work/giver/status.json
seed: {ratio: $1}
log: {file: $work/giver/log}
END
}
start_giver() {
  [ ! -e "$work/giver/log" ] || mv "$work/giver/log" "$work/giver/log.$(date +%s%N)"
  start giver "$BIN/peerd" --config "$work/giver.yaml"
  ports[giver]=$(listening_port giver)
}
giver_config 1
start_giver
cp "$work/file.bin" "$work/giver/downloads/"
drop giver "$work/file.torrent"
check "who has the file seeds it" wait_for_line "$work/giver/log" ' torrent\.seeding '
start_peer taker
drop taker "$work/file.torrent"
check "another fetches it" wait_complete taker
check "having sent it once, the first has finished" wait_for_line "$work/giver/log" \
  ' info torrent\.finished hash=[0-9a-f]* name=file\.bin reason="seed\.ratio is reached" uploaded=1048576 seconds='
check "and its status says so" wait_until 5 has_status giver file.bin state finished
check "and why" has_reason giver file.bin '^seed\.ratio is reached$'
check "it is still whole" has_status giver file.bin "done" 1.0
check "and talks to nobody" has_status giver file.bin peers 0

start_peer late
drop late "$work/file.torrent"
check "who comes later is served by the other" wait_complete late
check "and has not met the first" test "$(count_lines "$work/late/log" " peer\\.connected .*:${ports[giver]}( |\$)")" = 0
check "whom the tracker names no more" test "$(count_lines "$work/giver/log" ' peer\.refused ')" = 0

# ---- Over a restart ----
check_exit "the first one stops" 0 stop_in_time giver
start_giver
check "after a restart it has finished at once" wait_for_line "$work/giver/log" ' torrent\.finished '
check "without hashing or serving" \
  test "$(count_lines "$work/giver/log" ' torrent\.(checking|seeding) | peer\.connected ')" = 0

# ---- The limit is raised, and it is the only one ----
for name in taker late; do stop_in_time $name || true; done
start_peer last
drop last "$work/file.torrent"
giver_config 1.5
kill -HUP "${pids[giver]}"
check "a reload that raises the limit is taken" wait_for_line "$work/giver/log" 'config\.reloaded changed=seed\.ratio '
check "it seeds again" wait_for_line "$work/giver/log" ' torrent\.seeding '
check "until it has sent that" wait_for_line "$work/giver/log" ' torrent\.finished .* uploaded=(1[6-9]|20)[0-9]{5} '
giver_config 0
kill -HUP "${pids[giver]}"
check "without a limit it seeds on" wait_until 5 has_status giver file.bin state seeding
check "the last one has it all" wait_complete last
check "and it is equal" cmp "$work/file.bin" "$work/last/downloads/file.bin"

# ---- By time; a state as it was before there were limits ----
check_exit "the last one stops" 0 stop_in_time last
state=$(ls "$work"/last/state/*.json)
sed -i 's/,"fetched":.*}/}/' "$state"
check "a state without what limits need" test "$(grep -Ec 'fetched|uploaded|seeded' "$state")" = 0
start_peer last --set seed.time=1s
check "is read" wait_for_line "$work/last/log" ' torrent\.seeding '
check "and trusted" test "$(count_lines "$work/last/log" ' torrent\.checking | state\.ignored ')" = 0
check "a time limit ends the seeding" \
  wait_for_line "$work/last/log" ' torrent\.finished .* reason="seed\.time is reached" uploaded=0 seconds=1\.'
check_exit "it stops" 0 stop_in_time last
start_peer last --set seed.time=1s
check "and that too is remembered" wait_for_line "$work/last/log" ' torrent\.finished '
check "without another second" test "$(count_lines "$work/last/log" ' torrent\.seeding ')" = 0
for name in last giver tracker; do check_exit "$name exits 0" 0 stop_in_time $name; done
finish
