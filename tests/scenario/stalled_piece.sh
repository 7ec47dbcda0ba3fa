#!/bin/bash
# A peer that sends the header and half of the bytes of a Piece and then nothing, and stays: what was
# asked of it comes from others, and it is shut out when the time for that frame is over.
#
# Two times govern this. Who has nothing else to ask for asks for what another peer has been owing for
# kEndgamePatience, 250 ms (peer/exchange.h): this is how the piece comes from elsewhere long before the
# connection ends. The connection ends after frame_time() (common/messages.h), which is 60 s and a
# second for every 8 KiB: of this daemon a part of that (tests/preload/patience.cc).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=64
piece_length=16384
frame_seconds=$((60 + piece_length / 8192))
patience=$((SLOW < 12 ? 12 / SLOW : 1))
preload patience "PATIENCE=$patience"
downloads=$work/leecher/downloads
log=$work/leecher/log

# stall NAME ADDRESS: dials the leecher, claims to have all but the last piece, and stalls.
stall() {
  start "$1" "$python" "$support/lying_peer.py" --from "$2" --stall --holds $((pieces - 1)) \
    --pieces "$pieces" --piece-length "$piece_length" "$address:${ports[leecher]}" "$hash"
  wait_for_line "$work/$1/out" '^stalled '
}
# shut_out NAME ADDRESS: for what it did, in time.
shut_out() {
  wait_for_line "$log" " peer\.closed peer=$2:.* received=0 .*reason=timeout" \
    $((2 * frame_seconds / patience)) && wait_for_line "$work/$1/out" '^over '
}
is_connected() { ! grep " peer\.closed peer=$1:" "$log"; }
run_leecher() { BIN=$preloaded start_peer leecher --set log.level=debug; }

start_slow_seeder $((pieces * piece_length)) $((256 << 10)) --piece-length "$piece_length"
hash=$(hash_of "$work/file.torrent")

echo "# beside a good one"
run_leecher
drop leecher "$work/file.torrent"
check "a download begins" wait_until 20 received_at_least 4
check "another peer stalls in the middle of a piece" stall beside 127.14.0.1
piece=$(sed -n 's/^stalled .*piece=//p' "$work/beside/out")
kill -USR1 "${pids[slow]}"
check "the download completes" wait_complete leecher 20
check "with the piece that it owes (number $piece)" grep -q " piece\.complete .* piece=$piece " "$log"
check "the copy is equal" cmp "$work/file.bin" "$downloads/file.bin"
check "while that peer is connected" is_connected 127.14.0.1
check "which is shut out when its time is over" shut_out beside 127.14.0.1
check_exit "the leecher stops in time" 0 stop_in_time leecher

echo "# alone at first"
stop slow KILL || true
rm -r "$downloads" "$work/leecher/state" "$work/seeder/torrents/file.torrent"
check "nobody else has it" wait_for_line "$work/seeder/log" ' torrent\.removed '
run_leecher
check "it begins again" wait_for_line "$log" ' torrent\.downloading .*has=0'
check "a peer stalls in the middle of a piece" stall alone 127.14.0.2
check "and is shut out" shut_out alone 127.14.0.2
check "the download goes on waiting" wait_until 5 has_status leecher file.bin state downloading
check "and says what for" has_reason leecher file.bin
status_value leecher file.bin reason | sed 's/^/# /'
check "another one stalls" stall again 127.14.0.3
drop seeder "$work/file.torrent"
check "a good one comes, and the download completes" wait_complete leecher 20
check "the copy is equal" cmp "$work/file.bin" "$downloads/file.bin"
check "while the one that stalls is connected" is_connected 127.14.0.3
check_exit "the leecher stops in time" 0 stop_in_time leecher
finish
