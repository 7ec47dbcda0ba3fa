#!/bin/bash
# An operator holds a torrent in the middle of its download: nothing moves, neither the tracker nor
# other peers see it, also after a restart; resumed, it goes on where it was. And what can be said
# wrong when asking for it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=256
piece_length=16384
log=$work/leecher/log
ask() { "$BIN/peerctl" "$1" "$2" --config "$work/leecher.yaml" 2>"$work/said"; }
pause() { "$BIN/peerctl" pause "$1" --config "$work/leecher.yaml"; }
# complains REGEX COMMAND...: it fails, and says that.
complains() {
  local regex=$1 status=0
  shift
  "$@" 2>"$work/said" || status=$?
  cat "$work/said"
  [ "$status" != 0 ] && grep -Eq -- "$regex" "$work/said"
}
# The tracker names the leecher to others.
is_known() {
  "$python" "$support/ask_tracker.py" "$address" "${ports[tracker]}" '{"port": 9, "peer_id": "asker",
    "event": "started", "left": 1, "info_hash": "'"$hash"'"}' | grep -Eq "\"peer-port\": *${ports[leecher]}\b"
}
is_unknown() { ! is_known; }

cat >"$work/leecher.yaml" <<END
watch_dir: $work/leecher/torrents
state_dir: $work/leecher/state
status_file: $work/leecher/status.json
END
start_slow_seeder $((pieces * piece_length)) $((1 << 20)) --piece-length "$piece_length"
hash=$(hash_of "$work/file.torrent")
start_peer leecher --set log.level=debug
drop leecher "$work/file.torrent"
check "a download begins" wait_until 20 received_at_least 20
check "the tracker knows of it" is_known
check "it is paused, by its info_hash" ask pause "$hash"
check "which is logged" wait_for_line "$log" ' info torrent\.paused .*name=file\.bin'
check "the status says so" wait_until 10 has_status leecher file.bin state paused
check "nobody is connected" wait_until 10 has_status leecher file.bin peers 0
check "the tracker does not know of it" wait_until 10 is_unknown
had=$(received)
check "it is in the middle ($had of $pieces pieces)" test "$had" -lt "$pieces"
check "to pause it again changes nothing" ask pause file.bin
check_exit "it stops in order" 0 stop_in_time leecher
check "no piece came while it was paused" test "$(received)" = "$had"

start_peer leecher --set log.level=debug
check "after a restart it is paused" wait_for_line "$log" ' info torrent\.paused '
check "with what it had" wait_until 10 has_status leecher file.bin bytes $((had * piece_length))
check "and takes no part" test "$(count_lines "$log" ' torrent\.downloading | tracker\.reached ')" = 0
kill -USR1 "${pids[slow]}"
check "it is resumed, by its torrent" ask resume "$work/file.torrent"
check "and goes on with what it had" wait_for_line "$log" " torrent\.downloading .*has=$had pieces=$pieces"
check "which nobody hashed" test "$(count_lines "$log" ' torrent\.checking ')" = 0
check "it completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
check "no piece was fetched twice" \
  test -z "$(sed -n 's/.* piece\.complete .* piece=\([0-9]*\) .*/\1/p' "$log"* | sort | uniq -d)"

wait_until 10 has_status leecher file.bin state seeding
check "a complete one is paused" ask pause file.bin
check "too" wait_until 10 has_status leecher file.bin state paused
check "with all it has" has_status leecher file.bin bytes $((pieces * piece_length))
check "and resumed" ask resume file.bin
check "too" wait_until 10 has_status leecher file.bin state seeding
check "to resume what is not paused is no error" ask resume file.bin
check "but said" grep -q 'was not paused' "$work/said"

echo "# what is wrong"
for word in other.bin "${hash:0:3}" 00000000 "" ../file.bin; do
  check "no such torrent: '$word'" complains 'no torrent|No such file' pause "$word"
done
check "no such file" complains 'No such file' pause "$work/missing.torrent"
printf '%s_dir: %s\n' watch "$work/nowhere/torrents" state "$work/nowhere/state" >"$work/nowhere.yaml"
echo "status_file: $work/nowhere/status.json" >>"$work/nowhere.yaml"
check "no peerd at all" complains "no peerd has run here with this configuration: .* $work/nowhere/state" \
  "$BIN/peerctl" pause file.bin --config "$work/nowhere.yaml"
check "whatever names the torrent" complains "no peerd has run here" \
  "$BIN/peerctl" resume "$work/file.torrent" --config "$work/nowhere.yaml"
check "no torrent in it" complains 'file\.bin: ' pause "$work/file.bin"
check_exit "nothing named" 64 "$BIN/peerctl" pause
check_exit "a configuration that is not there" 78 "$BIN/peerctl" pause file.bin --config "$work/missing"
stop leecher
# A torrent whose info_hash begins like that of the first: one of the 16 first digits comes soon.
"$python" - "$work/leecher" "$hash" <<'END'
import hashlib, json, pathlib, struct, sys
host, wanted = pathlib.Path(sys.argv[1]), sys.argv[2][:4]
for number in range(1 << 22):
    digest = hashlib.sha256(b"%d" % number).digest()
    name = b"twin"
    of = hashlib.sha256(b"piecework-info-1\n" + struct.pack(">Q", len(name)) + name +
                        struct.pack(">QQ", 1, 1) + digest).hexdigest()
    if of.startswith(wanted): break
info = {"file_name": "twin", "file_length": 1, "piece_length": 1, "piece_hash": [digest.hex()]}
(host / "torrents/twin.torrent").write_text(
    json.dumps({"announce": "127.0.0.1", "port": 1, "comment": "", "info": info}))
END
check "an ambiguous beginning names both" \
  complains 'may mean 2 torrents: .*(file\.bin.*twin|twin.*file\.bin)' pause "${hash:0:4}"
check "a torrent of a daemon that is down is paused for when it runs" ask pause twin
check "which is said" grep -q 'peerd does not run' "$work/said"
start_peer leecher
check "and so it is" wait_for_line "$log" ' info torrent\.paused .*name=twin'
if [ "$(id -u)" = 0 ]; then
  chmod 0755 "$work" "$work/leecher"
  as_other() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
else
  chmod 0555 "$work/leecher/state"
  as_other() { "$@"; }
fi
if as_other "$BIN/peerctl" --version >/dev/null 2>&1; then
  check "who may not write to the state is told whose it is" complains \
    "Permission denied; state_dir belongs to $(id -un): do it as that user, or as root" \
    as_other "$BIN/peerctl" pause file.bin --config "$work/leecher.yaml"
fi
chmod 0755 "$work/leecher/state"
check_exit "it stops in order" 0 stop_in_time leecher
finish
