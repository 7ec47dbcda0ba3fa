#!/bin/bash
# Two hundred torrents are removed at once while the tracker says nothing to their leaves, and the
# daemon is told to stop in the middle of that: it still stops in time, and with every state saved.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

count=200
log=$work/host/log

# Their pieces differ, their names too; of each the host has the first half.
make_torrents() {
  "$python" - "$work" "$count" "${tracker##*:}" <<'END'
import hashlib, json, pathlib, sys
work, count, port = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for number in range(count):
    pieces = [bytes([number, half]) * 2048 for half in (0, 1)]
    info = {"file_name": f"file{number}", "file_length": 8192, "piece_length": 4096,
            "piece_hash": [hashlib.sha256(piece).hexdigest() for piece in pieces]}
    torrent = {"announce": "127.0.0.1", "port": port, "comment": "", "info": info}
    (work / "made" / f"file{number}.torrent").write_text(json.dumps(torrent))
    (work / "host/downloads" / f"file{number}.part").write_bytes(pieces[0] + bytes(4096))
END
}
clean_states() { grep -l '"clean":true' "$work"/host/state/*.json | wc -l; }

start_tracker
mkdir -p "$work/made" "$work/host/downloads"
make_torrents
start_peer host
mv "$work"/made/*.torrent "$work/host/torrents/"
check "all $count are downloads that the tracker knows" \
  wait_until 30 has_lines "$log" ' tracker\.reached ' "$count"
check "half of each is there" has_lines "$log" ' torrent\.downloading .* has=1 pieces=2' "$count"

kill -STOP "${pids[tracker]}"
find "$work/host/torrents" -name 'file*[1-9].torrent' -delete
check "they are being removed" wait_for_line "$log" ' torrent\.removed '
check_exit "TERM in the middle of that is obeyed in time" 0 stop_in_time host
check "without force" test "$(count_lines "$log" ' peer\.stop_forced ')" = 0
check "every torrent was stopped" test "$(count_lines "$log" ' torrent\.stopped ')" = "$count"
check "and its state saved" test "$(clean_states)" = "$count"
finish
