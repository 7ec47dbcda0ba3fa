#!/bin/bash
# Strangers who lie, flood, fall silent or take every place, at a peerd and a trackerd that serve
# decent clients at the same time: each of them is shut out with a reason, and nobody else notices.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

log=$work/victim/log
tracker_log=$work/tracker/log

# ---- Words for what strangers say ----

u32() { printf '%08x' "$(($1 & 0xffffffff))"; }
u64() { printf '%016x' "$1"; }
# message ID [PAYLOAD_HEX]: the body of a frame.
message() {
  local payload=${2:-}
  printf '%s%02x%s' "$(u32 $((1 + ${#payload} / 2)))" "$1" "$payload"
}
request() { message 6 "$(u32 "$1")"; }
framed() { printf '%s%s' "$(u64 $((${#1} / 2)))" "$1"; }
hex_of() { od -An -v -tx1 | tr -d ' \n'; }
# first_frame BITS_HEX GREETING: a Bitfield with anything for a greeting behind it.
first_frame() { printf 'frame:%s%s' "$(message 5 "$1")" "$(printf '%s' "$2" | hex_of)"; }
# greeting [SED_EXPRESSION]: one that is fine, but for what the expression does to it.
greeting() {
  sed "${1:-}" <<<'{"info_hash": "'"$hash"'", "peer_id": "stranger", "port": 1, "connection": 0,
    "requests": 256, "agent": "x", "features": []}'
}


# Everyone gets an address of their own, by which the log tells them apart.
strangers=0
new_address() {
  strangers=$((strangers + 1))
  address_now=127.1.$((strangers / 250)).$((strangers % 250 + 1))
}
hostile() { "$python" "$support/hostile_peer.py" --from "$address_now" "$@"; }
# said_of REGEX: in the log, in a line about the stranger just now.
said_of() { wait_for_line "$1" "peer=${address_now//./\\.}:[0-9]+ .*$2" 5; }

# peer_refuses SENTENCE REASON ACTION...: the victim closes the connection for that reason.
peer_refuses() {
  local sentence=$1 reason=$2
  shift 2
  new_address
  check "$sentence" hostile "127.0.0.1:${ports[victim]}" "$@" expect-close:5
  check "  … $reason" said_of "$log" "reason=$reason"
}

# ---- The decent ones ----

# fair_client: fetches the file from the victim and no one else.
served=0
fair_client() {
  served=$((served + 1))
  timeout $((20 * SLOW)) "$BIN/peerctl" get "$work/decent.torrent" -o "$work/fair$served" \
    --timeout 10s && cmp "$work/files/decent" "$work/fair$served/decent"
}

peak_kib() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB$/\1/p' "/proc/${pids[$1]}/status"; }
grew_little() {
  local now most=16
  [ "$SLOW" = 1 ] || most=256 # the sanitizers keep what was freed
  now=$(peak_kib "$1")
  echo "$1: $2 KiB at first, $now KiB now"
  [ "$now" -lt $(($2 + most * 1024)) ]
}

mkdir "$work/files"
start_tracker
random_file 2MiB "$work/files/decent"
make_torrent "$work/files/decent" "$work/decent.torrent" --piece-length 64KiB
pieces=32
hash=$(hash_of "$work/decent.torrent")
random_file 13 "$work/files/wanted"
make_torrent "$work/files/wanted" "$work/wanted.torrent" --piece-length 4
wanted_hash=$(hash_of "$work/wanted.torrent")
random_file 16MiB "$work/files/big"
make_torrent "$work/files/big" "$work/big.torrent" --piece-length 4MiB
big_hash=$(hash_of "$work/big.torrent")
mkdir -p "$work/victim/downloads"
cp "$work/files/decent" "$work/files/big" "$work/victim/downloads/"
start_peer victim
drop victim "$work/decent.torrent" "$work/wanted.torrent" "$work/big.torrent"
check "the victim seeds" wait_until 20 has_lines "$log" ' torrent\.seeding ' 2
check "and wants something" wait_for_line "$log" ' torrent\.downloading .*name=wanted '
check "a decent client is served" fair_client
peer_memory=$(peak_kib victim)
tracker_memory=$(peak_kib tracker)
greet=greet:$hash:$pieces:none

# A tracker of its own, which goes away while somebody downloads.
start_gone() {
  start gone "$BIN/trackerd" --set "listen=127.0.0.1:${ports[gone]:-0}" --set announce_interval=2s \
    --set "log.file=$work/gone/log" --set "status_file=$work/gone/status.json"
  ports[gone]=$(listening_port gone)
}
start_gone
random_file 1MiB "$work/files/slow" 7
tracker=127.0.0.1:${ports[gone]} make_torrent "$work/files/slow" "$work/slow.torrent" --original \
  --piece-length 16KiB
start source "$python" "$support/original_peer.py" --torrent "$work/slow.torrent" \
  --data "$work/files/slow" --delay 0.05
wait_for_line "$work/source/out" '^announced '
start_peer stranded
drop stranded "$work/slow.torrent"
check "somebody downloads" wait_for_line "$work/source/out" '^sent '
stop gone KILL || true

# These take ten seconds, and are looked at again in the end.
start silent "$python" "$support/hostile_peer.py" --from 127.1.9.1 "127.0.0.1:${ports[victim]}" \
  expect-close:20
start slow "$python" "$support/hostile_peer.py" --from 127.1.9.2 "127.0.0.1:${ports[victim]}" \
  "trickle:$(framed "$(message 5 "$(printf '00%.0s' {1..32})")"):0.9" expect-close:5
start silent_client "$python" "$support/hostile_peer.py" --from 127.1.9.3 "$tracker" expect-close:20
start slow_client "$python" "$support/hostile_peer.py" --from 127.1.9.4 "$tracker" \
  "trickle:$(u64 30)$(printf '20%.0s' {1..30}):0.9" expect-close:5
# This one has done nothing wrong, and is still there in the end.
start decent "$python" "$support/hostile_peer.py" --from 127.1.9.5 "127.0.0.1:${ports[victim]}" \
  "$greet" recv hold:20 frame:00000000 hold:20 frame:00000000 hold:20 frame:00000000 hold:50
check "a decent peer stays connected" wait_for_line "$work/decent/out" '^frame '

echo "# frames"
peer_refuses "a first frame of 2^64 - 1 bytes" 'frame_too_large length=18446744073709551615 limit=' \
  hex:ffffffffffffffff
peer_refuses "a first frame of 1 GiB" 'frame_too_large length=1073741824 limit=' "hex:$(u64 $((1 << 30)))"
peer_refuses "a later frame of 1 GiB" 'frame_too_large length=1073741824 limit=' \
  "$greet" recv "hex:$(u64 $((1 << 30)))"
peer_refuses "an empty frame" empty_frame "$greet" recv "hex:$(u64 0)"
peer_refuses "a first frame that is no Bitfield" 'bitfield_expected got=Interested' \
  "frame:$(message 2)"
peer_refuses "something else altogether" frame_too_large "hex:$(printf 'GET / HTTP/1.1\r\n\r\n' | hex_of)"
peer_refuses "more in a frame than the message" 'wrong_length message=Interested' \
  "$greet" recv "frame:$(message 2)00"
peer_refuses "less than it says" wrong_length "$greet" recv "frame:$(u32 6)02"
peer_refuses "a negative length" wrong_length "$greet" recv "frame:$(u32 -1)02"
peer_refuses "an Interested with a payload" 'wrong_payload message=Interested bytes=1' \
  "$greet" recv "frame:$(message 2 00)"
peer_refuses "a Request of three bytes" 'wrong_payload message=Request bytes=3' \
  "$greet" recv "frame:$(message 6 000000)"
peer_refuses "a Piece without data" 'wrong_payload message=Piece' \
  "$greet" recv "frame:$(message 7 "$(u32 0)")"
for id in 9 11 14 255; do
  peer_refuses "a message that there is not: $id" "unknown_message id=$id" \
    "$greet" recv "frame:$(message "$id")"
done

echo "# pieces"
unchoked=("$greet" recv "frame:$(message 2)" recv-until:1)
peer_refuses "a Request out of range" "piece_out_of_range piece=$pieces pieces=$pieces" \
  "${unchoked[@]}" "frame:$(request "$pieces")"
peer_refuses "a Request for piece -1" piece_out_of_range "${unchoked[@]}" "frame:$(request -1)"
peer_refuses "a Have out of range" "piece_out_of_range piece=$pieces" \
  "$greet" recv "frame:$(message 4 "$(u32 "$pieces")")"
peer_refuses "a Request before the first UnChoke" request_before_unchoke \
  "$greet" recv "frame:$(request 0)"
peer_refuses "a Request for what the victim lacks" request_for_missing_piece \
  "greet:$wanted_hash:4:none" recv "frame:$(message 2)" recv-until:1 "frame:$(request 0)"
peer_refuses "a Piece that nobody asked for" 'piece_never_asked piece=0' \
  "greet:$wanted_hash:4:none" recv "frame:$(message 7 "$(u32 0)01020304")"
peer_refuses "a Piece that is too long" 'wrong_payload message=Piece piece=3 bytes=4 expected=1' \
  "greet:$wanted_hash:4:none" recv "frame:$(message 7 "$(u32 3)01020304")"
four_requests=$(for i in 0 1 2 3; do framed "$(request "$i")"; done)
many_requests=$(printf "$four_requests%.0s" {1..75})
peer_refuses "more Requests than it was told to send" 'too_many_requests limit=256' \
  "greet:$big_hash:4:none" recv "frame:$(message 2)" recv-until:1 "hex:$many_requests"

new_address
wrong=$(for i in 0 1 2 3; do framed "$(message 7 "$(u32 "$i")ffffffff")"; done)
check "wrong pieces" hostile "127.0.0.1:${ports[victim]}" "greet:$wanted_hash:4:all:liar" recv \
  recv-until:2 "frame:$(message 1)" recv-until:6 recv-until:6 recv-until:6 recv-until:6 \
  "hex:$wrong" expect-close:5
check "  … are noticed" said_of "$log" 'piece=[0-3]$'
check "  … and who sent two of them is banned" said_of "$log" 'reason=hash_mismatch'
check "  … and not let in again" hostile "127.0.0.1:${ports[victim]}" \
  "greet:$wanted_hash:4:all:liar" expect-close:5
check "  … for that reason" said_of "$log" 'reason=banned'
check "  … which another at the same address does not suffer from" hostile \
  "127.0.0.1:${ports[victim]}" "greet:$wanted_hash:4:none:another" recv

echo "# greetings"
bits=$(printf '00%.0s' {1..32})
peer_refuses "a Bitfield of another length" 'bitfield_length pieces=31 expected=32' \
  "greet:$hash:31:none"
peer_refuses "one longer than any torrent's" 'bitfield_length' "greet:$hash:33:none"
peer_refuses "a bitfield byte above 1" 'bad_bitfield piece=31 byte=2' \
  "$(first_frame "${bits:2}02" "$(greeting)")"
peer_refuses "a second Bitfield" second_bitfield "$greet" recv "$(first_frame "$bits" "")"
peer_refuses "a torrent that it does not have" unknown_torrent \
  "greet:$(printf 'ab%.0s' {1..32}):32:none"
peer_refuses "a torrent that is not for originals" unknown_torrent "frame:$(message 5 "$bits")"
deep=$(printf '[%.0s' {1..1000})
mangled=(
  "JSON too deep|s/\"features\": \[\]/\"features\": $deep/|nested too deep"
  "a missing key|s/\"peer_id\": \"stranger\", //|peer_id: missing"
  "a key given twice|s/\"port\": 1/\"port\": 1, \"port\": 2/|port: duplicate key"
  "a number past range|s/\"port\": 1/\"port\": 65536/|port: "
  "a number past 64 bits|s/\"port\": 1/\"port\": 18446744073709551616/|port: "
  "no number of requests|s/256/0/|requests: "
  "bad UTF-8|s/stranger/\xff\xfe/|offset|UTF-8|encoding"
  "no JSON|s/.*/garbage/|offset"
  "no hash|s/\"$hash\"/\"abc\"/|info_hash: "
)
for case in "${mangled[@]}"; do
  IFS='|' read -r what expression complaint <<<"$case"
  peer_refuses "a greeting with $what" "bad_greeting error=\"[^\"]*($complaint)" \
    "$(first_frame "$bits" "$(greeting "$expression")")"
done
peer_refuses "a greeting of more than 4 KiB" 'greeting_too_large length=4097 limit=4096' \
  "$(first_frame 0000000000 "$(printf ' %.0s' {1..4097})")"

check "a decent client is served all the while" fair_client
check "nobody else was banned" test "$(count_lines "$log" ' peer\.banned ')" = 1
check "and it did not grow" grew_little victim "$peer_memory"

echo "# at the tracker"
request_json() { printf '{"port": 1000, "peer_id": "x", "event": "started"%s}' "${1:+, $1}"; }
tracker_answers() { hostile "$tracker" "json:$1" recv; }
# tracker_refuses SENTENCE PATTERN REQUEST: it is answered with an error that says so.
tracker_refuses() {
  new_address
  tracker_answers "$3" >"$work/answer" || true
  check "refused, naming it: $1" grep -Eq "\"error_code\":1,\"message\":\"[^\"]*($2)" "$work/answer"
}
tracker_refuses "JSON too deep" 'nested too deep' "$(request_json "\"x\": $deep")"
tracker_refuses "a key given twice" 'port: duplicate key' "$(request_json '"port": 2')"
tracker_refuses "a number past 64 bits" 'left: ' "$(request_json '"left": 18446744073709551616')"
tracker_refuses "bad UTF-8" 'offset|UTF-8|encoding' "$(request_json $'"x": "\xff"')"
tracker_refuses "a missing key" 'peer_id: missing' '{"port": 1, "event": "started"}'
tracker_refuses "no JSON" 'offset' 'garbage'
new_address
check "a request of 2^64 - 1 bytes" hostile "$tracker" hex:ffffffffffffffff expect-close:5
check "  … frame_too_large" \
  said_of "$tracker_log" 'reason=frame_too_large length=18446744073709551615 limit=16384'
new_address
check "a request that is cut off" hostile "$tracker" "hex:$(u64 100)7b22"

in_swarm="\"info_hash\": \"$hash\", \"left\": 0"
# tracker_names PEER: in its answer about the decent torrent.
tracker_names() { tracker_answers "$(request_json "$in_swarm")" | grep -Fq "$1"; }
entry_of_victim="\"peer-port\":${ports[victim]},\"peer-ip\":\"127.0.0.1\""
new_address
hostile "$tracker" "json:$(request_json "$in_swarm, \"ip\": \"10.11.12.13\"")" recv >"$work/answer"
check "a foreign ip in an announce is ignored" said_of "$tracker_log" 'ip=10\.11\.12\.13'
seen_there=$address_now
new_address
check "  … the address is the one that was seen" tracker_names "\"peer-ip\":\"$seen_there\""
check "  … and nobody is sent to the other" eval '! tracker_names 10.11.12.13'
hostile "$tracker" "json:{\"port\": ${ports[victim]}, \"peer_id\": \"x\", \"event\": \"stopped\",
  \"ip\": \"127.0.0.1\", \"info_hash\": \"$hash\"}" recv >"$work/answer"
check "a leave for another's entry is answered" grep -Fq 'disconnect ACK' "$work/answer"
check "  … logged" said_of "$tracker_log" 'reason=not_listed'
check "  … and ignored" tracker_names "$entry_of_victim"
check "a decent client is served all the while" fair_client
check "and it did not grow" grew_little tracker "$tracker_memory"

echo "# a tracker that is gone"
check "peers go on without it" wait_complete stranded 30
check "  … with what was meant" cmp "$work/files/slow" "$work/stranded/downloads/slow"
check "  … and say so" wait_for_line "$work/stranded/log" 'warn tracker\.failed .*reason='
start_gone # and looked for again in the end

echo "# too many"
# crowd NAME COUNT PORT [INFO_HASH PIECES]: so many connections from 127.3.0.1, which greet, if they
# are told with what, and then say nothing more until it is stopped.
crowd() {
  start "$1" "$python" -c 'import json, signal, socket, struct, sys
def first_frame(info_hash, bits, peer_id):
    text = json.dumps({"info_hash": info_hash, "peer_id": peer_id, "port": 0, "connection": 0,
                       "requests": 256}).encode()
    body = struct.pack(">iB", 1 + len(bits), 5) + bits + text
    return struct.pack(">Q", len(body)) + body
kept = []
for number in range(int(sys.argv[1])):
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[2])), source_address=("127.3.0.1", 0))
    if sys.argv[3:]:
        sock.sendall(first_frame(sys.argv[3], bytes(int(sys.argv[4])), f"guest{number}"))
    kept.append(sock)
print("all there", flush=True)
signal.pause()' "${@:2}"
  wait_for_line "$work/$1/out" '^all there'
}
# small NAME [--set KEY=VALUE]...: a peerd that seeds the decent torrent.
small() {
  mkdir -p "$work/$1/downloads"
  cp "$work/files/decent" "$work/$1/downloads/"
  start_peer "$@" && drop "$1" "$work/decent.torrent" &&
    wait_for_line "$work/$1/log" ' torrent\.seeding '
}
small capped --set max_connections=4
check "four who say nothing take all places" crowd quiet 4 "${ports[capped]}"
new_address
check "one of them makes room for a decent newcomer" \
  hostile "127.0.0.1:${ports[capped]}" "$greet" recv
stop quiet || true
check "places are given back" \
  wait_until 5 hostile "127.0.0.1:${ports[capped]}" "$greet" recv
for guest in 1 2 3 4; do
  start "guest$guest" "$python" "$support/hostile_peer.py" --from "127.4.0.$guest" \
    "127.0.0.1:${ports[capped]}" "$greet" recv hold:300
  check "guest $guest is welcome" wait_for_line "$work/guest$guest/out" '^frame '
done
new_address
check "four who talk keep their places" hostile "127.0.0.1:${ports[capped]}" expect-close:5
check "  … and the fifth is refused for that reason" wait_for_line "$work/capped/log" \
  "connection\.refused address=${address_now//./\\.} reason=max_connections$"
check "  … and not heard from again" test "$(count_lines "$work/capped/log" 'peer\.closed .*127\.4')" = 0

small shared --set max_connections_per_address=2
address_now=127.3.0.1
check "two connections of one address" crowd pair 2 "${ports[shared]}" "$hash" "$pieces"
check "  … a third is refused" hostile "127.0.0.1:${ports[shared]}" expect-close:5
check "  … for that reason" wait_for_line "$work/shared/log" \
  'connection\.refused address=127\.3\.0\.1 reason=max_connections_per_address$'
new_address
check "  … and another address is not concerned" hostile "127.0.0.1:${ports[shared]}" "$greet" recv

# With so few descriptors; as a program of its own, so that the pid is right.
mkdir "$work/bin"
printf '#!/bin/bash\nulimit -n 40\nexec "%s" "$@"\n' "$BIN/peerd" >"$work/bin/peerd"
chmod +x "$work/bin/peerd"
BIN=$work/bin small poor
check "forty-five who say nothing at forty descriptors" crowd flood 45 "${ports[poor]}"
check "  … are noticed" \
  wait_for_line "$work/poor/log" 'warn accept\.failed reason="Too many open files"'
new_address
check "  … and make room for a decent newcomer" hostile "127.0.0.1:${ports[poor]}" "$greet" recv
stop flood || true
check "when they are gone it serves as before" \
  wait_until 5 hostile "127.0.0.1:${ports[poor]}" "$greet" recv
check "forty-five who talk" crowd talkers 45 "${ports[poor]}" "$hash" "$pieces"
check "  … take all there are" wait_until 5 has_lines "$work/poor/log" 'peer\.connected .*127\.3\.0\.1' 5
stop talkers || true
check "when they are gone it serves as before" \
  wait_until 5 hostile "127.0.0.1:${ports[poor]}" "$greet" recv
check "which it did not say over and over" \
  test "$(count_lines "$work/poor/log" 'accept\.failed')" -le 4
check_exit "it stops in order" 0 stop poor

echo "# settings"
# config_refused SENTENCE YAML PATTERN
config_refused() {
  local program
  printf '%b' "$2" >"$work/bad.yaml"
  for program in peerd trackerd; do
    check_exit "$program stops with 78: $1" 78 "$BIN/$program" --config "$work/bad.yaml"
    "$BIN/$program" --config "$work/bad.yaml" >"$work/answer" 2>&1 || true
    check "  … saying where" grep -Eq "^$work/bad\.yaml:$3" "$work/answer"
  done
}
config_refused "an unknown key" 'nonsense: 1\n' '1:1: nonsense: '
config_refused "a duplicate key" 'max_connections: 5\nmax_connections: 6\n' '2:1: max_connections: '
config_refused "a wrong type" 'log: loud\n' '1:6: log: '
config_refused "a value out of range" 'log:\n  level: loud\n' '2:10: log\.level: '
config_refused "no YAML" 'log: [\n' '[0-9]+:[0-9]+: '
for program in peerd trackerd; do
  check_exit "$program stops with 64: an unknown flag" 64 "$BIN/$program" --nonsense
  check_exit "$program stops with 64: a word too many" 64 "$BIN/$program" nonsense
  check_exit "$program stops with 78: an unknown --set key" 78 "$BIN/$program" --set nonsense=1
  check_exit "$program stops with 78: no such file" 78 "$BIN/$program" --config "$work/no.yaml"
done

echo "# ten seconds later"
# waited_ten NAME LOG REASON
waited_ten() {
  check "closed: $1" wait_for_line "$work/$1/out" '^closed '
  address_now=$(sed -n "s/^$1=//p" <<<"$waiting")
  check "  … for that reason" said_of "$2" "reason=$3"
}
waiting=$'silent=127.1.9.1\nslow=127.1.9.2\nsilent_client=127.1.9.3\nslow_client=127.1.9.4'
waited_ten silent "$log" no_first_frame
check "  … after ten seconds" grep -Eq '^closed after=(9\.[89]|1[0-2]\.)' "$work/silent/out"
waited_ten slow "$log" no_first_frame
waited_ten silent_client "$tracker_log" no_request
waited_ten slow_client "$tracker_log" no_request
check "the tracker that is back is found" \
  wait_until 60 has_lines "$work/stranded/log" ' tracker\.reached ' 2
check "the decent peer has stayed all the while" kill -0 "${pids[decent]}"
check "  … and was not closed" eval "! grep '^closed' '$work/decent/out'"
check "and a decent client is served still" fair_client
check_exit "the victim stops in order" 0 stop victim
finish
