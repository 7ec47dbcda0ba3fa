#!/bin/bash
# peerctl as somebody types it: making, showing, comparing and fetching, what it exits with, what it
# prints where, and what it leaves behind.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

peerctl=$BIN/peerctl
out=$work/stdout
err=$work/stderr

# run COMMAND...: its exit status in $status, what it printed in $out and $err.
run() {
  status=0
  timeout $((60 * SLOW)) "$@" >"$out" 2>"$err" || status=$?
}
# ends SENTENCE STATUS [ARGUMENT]...: peerctl exits with that and says why, if it failed; it prints
# nothing to stdout.
ends() {
  local sentence=$1 expected=$2
  shift 2
  run "$peerctl" "$@"
  check "$sentence: exit $expected" same "$status" "$expected"
  [ "$expected" = 0 ] || check "  … with a word about it" grep -q '^peerctl: .' "$err"
  check "  … and nothing on stdout" test ! -s "$out"
}
same() {
  [ "$1" = "$2" ] || {
    echo "$1, not $2"
    cat "$err"
    return 1
  }
}
is_json() { "$python" -c 'import json, sys; json.load(open(sys.argv[1]))' "$1"; }
# holds FILE EXPRESSION: a Python expression over the JSON in FILE, as `j`.
holds() {
  "$python" -c 'import json, sys; j = json.load(open(sys.argv[1])); assert eval("(" + sys.argv[2] + ")"), j' "$@"
}

start_tracker
cd "$work"
random_file 100000 file
length=100000
piece=4096
pieces=25

echo "# help"
while IFS=: read -r subcommand options; do
  run "$peerctl" "$subcommand" --help
  check "$subcommand --help exits 0" same "$status" 0
  check "  … on stdout alone" test -s "$out" -a ! -s "$err"
  for option in $options --help; do
    check "  … and names $option" grep -Eq "^ +$option( |$)" "$out"
  done
done <<'END'
make: --announce -o --piece-length --original --comment --sign
keygen: -o
show: --json
verify:
get: -o --seed --timeout --listen --trusted-key
status: --config --follow --json
serve: --listen
fetch: -o
END
run "$peerctl" --help
for subcommand in make show verify get status serve fetch; do
  check "--help names $subcommand" grep -q "^  $subcommand " "$out"
done
run "$peerctl" --version
check "--version names the version" grep -Eq '^peerctl [0-9]+\.[0-9]+' "$out"
ends "no subcommand" 64
ends "an unknown subcommand" 64 fetsh
for subcommand in make show verify get status serve fetch; do
  ends "$subcommand with an unknown flag" 64 "$subcommand" --nonsense
done
for subcommand in make show verify get serve fetch; do
  ends "$subcommand of nothing" 64 "$subcommand"
done

echo "# keygen"
ends "a key without a name" 64 keygen
ends "a key" 0 keygen -o key
check "it is for its owner alone" same "$(stat -c %a key)" 600
check "and a private key in PEM" grep -qx -e '-----BEGIN PRIVATE KEY-----' key
check "the public one is a line of 64 digits" grep -qxE '[0-9a-f]{64}' key.pub
check "  … and no more" same "$(wc -c <key.pub)" 65
cp key key.before
ends "again" 73 keygen -o key
check "  … which overwrites nothing" cmp key key.before
rm key
ends "beside a public key of before" 73 keygen -o key
check "  … which leaves nothing behind" test ! -e key
mv key.before key
ends "where nothing can be" 73 keygen -o missing/key

echo "# make"
ends "a torrent without a tracker" 64 make file
check "  … which is not written" test ! -e file.torrent
ends "a tracker without a port" 64 make file --announce 127.0.0.1
for host in 300.1.1.1 1.2.3 1.2.3.4.5 1.2.3.4. 127; do
  ends "a tracker at $host" 64 make file --announce "$tracker" --announce "$host:6666"
  check "  … which is named" grep -q "announce $host:6666: $host is no IPv4 address" "$err"
done
ends "a piece length of nothing" 64 make file --announce "$tracker" --piece-length 0
ends "a piece length that is too long" 64 make file --announce "$tracker" --piece-length 65MiB
ends "one that an original would choke on" 64 make file --announce "$tracker" --original \
  --piece-length 512KiB
ends "a public key to sign with" 65 make file --announce "$tracker" --sign key.pub
check "  … which is said" grep -q 'is a public key' "$err"
ends "no key to sign with" 66 make file --announce "$tracker" --sign missing
check "none of them is written" test ! -e file.torrent
ends "no such file" 66 make missing --announce "$tracker"
ends "a directory without a name" 65 make / --announce "$tracker"
ends "an output that cannot be" 73 make file --announce "$tracker" -o missing/file.torrent
ends "an output that is a directory" 73 make file --announce "$tracker" -o "$work"
ends "an output over the file itself" 64 make file --announce "$tracker" -o file
check "  … which stays" same "$(stat -c %s file)" "$length"
# kept SENTENCE STATUS OUT [OPTION]...: making a torrent there exits so, and leaves what is there.
kept() {
  cp "$3" before
  ends "$1" "$2" make file --announce "$tracker" -o "${@:3}"
  check "  … which stays" cmp "$3" before
}
kept "an output over the key" 64 key --sign key
check "  … which is said" grep -q 'is the key' "$err"
ln key linked.key
kept "or over another name of it" 64 linked.key --sign key
kept "over the public key" 73 key.pub --sign key
check "  … which is said" grep -q 'is there already and is no torrent' "$err"
kept "over another key" 73 key
printf '{"announce": "127.0.0.1"}' >document
kept "over another document" 73 document
mkdir -p tree/inner
cp file tree/inner/
ends "an output within the directory itself" 64 make tree --announce "$tracker" -o tree/new.torrent
check "  … which is said" grep -q 'tree/new.torrent: is in tree' "$err"
ends "or within one of its own" 64 make tree/ --announce "$tracker" -o tree/../tree/inner/new.torrent
check "  … and nothing is there" same "$(find tree -type f)" tree/inner/file
ends "beside a directory whose name goes on" 0 make tree/inner --announce "$tracker" -o tree/new.torrent
: >empty
# made SENTENCE DIRECTORY OUT [ARGUMENT]...: making it there writes OUT, the torrent of tree/inner.
made() {
  (cd "$2" && run "$peerctl" make "${@:4}" --announce "$tracker" && exit "$status")
  check "$1" holds "$3" "j['info']['file_name'] == 'inner'"
  check "  … with its file" holds "$3" "[f['path'] for f in j['info']['files']] == ['file']"
}
made "a directory where one stands has its own name" tree/inner inner.torrent . -o "$work/inner.torrent"
rm tree/new.torrent
made "and its torrent lies beside it" tree/inner tree/inner.torrent ./
mkdir tree/inner/most
made "also from within" tree/inner/most inner.torrent .. -o "$work/inner.torrent"
rmdir tree/inner/most
ends "an output over an empty file" 0 make file --announce "$tracker" -o empty
check "  … which is a torrent now" is_json empty
ends "make" 0 make file --announce "$tracker" --announce 127.0.0.2:7 --piece-length "$piece" \
  --comment 'für "alle"'
check "it lies beside the file" is_json file.torrent
check "with what was asked for" holds file.torrent "j['info']['file_name'] == 'file' and
  j['info']['file_length'] == $length and j['info']['piece_length'] == $piece and
  len(j['info']['piece_hash']) == $pieces and j['comment'] == 'für \"alle\"' and
  f\"{j['announce']}:{j['port']}\" == '$tracker' and
  j['announce_list'] == [{'announce': '127.0.0.2', 'port': 7}]"
check "and can be read by others" same "$(stat -c %a file.torrent)" 644
run "$peerctl" make file --announce "$tracker" --announce 127.0.0.2:7 --piece-length "$piece" \
  --comment 'für "alle"' -o -
check "-o - prints the same" cmp file.torrent "$out"
ends "made once more" 0 make file --announce "$tracker" --piece-length "$piece"
check "it replaces the first" holds file.torrent "j['comment'] == ''"

echo "# show"
run "$peerctl" show file.torrent
check "show exits 0" same "$status" 0
for line in 'name +file$' 'size .*\(100000 bytes\)$' "pieces +$pieces$" 'piece length .*4096' \
  'hash form +sha256$' 'info hash +[0-9a-f]{64}$' "tracker +$tracker$"; do
  check "  … and says: $line" grep -Eq "^$line" "$out"
done
run "$peerctl" show --json file.torrent
check "show --json prints one object" holds "$out" \
  "j['file_name'] == 'file' and j['file_length'] == $length and j['pieces'] == $pieces"
ends "show of no such torrent" 66 show missing.torrent
ends "show of what is none" 65 show file
check "  … naming the place" grep -q 'offset' "$err"

echo "# verify"
# compares SENTENCE STATUS REGEX [ARGUMENT]...: verify exits so, and says that on stdout.
compares() {
  run "$peerctl" verify "${@:4}"
  check "$1: exit $2" same "$status" "$2"
  check "  … and says so" grep -Eq "$3" "$out"
}
compares "the file beside the torrent" 0 "^file: $pieces of $pieces pieces are good$" file.torrent
mkdir -p other
cp file other/damaged
printf 'XXXX' | dd of=other/damaged bs=1 seek=$((3 * piece - 2)) conv=notrunc status=none
compares "two damaged pieces" 65 '^bad pieces 2-3: bytes 8192-16383$' file.torrent other/damaged
head -c 99999 file >other/shorter
compares "one byte less" 65 '^other/shorter: 1 byte shorter ' file.torrent other/shorter
cat file other/shorter >other/longer
compares "a longer file" 65 '^other/longer: 99999 bytes longer ' file.torrent other/longer
check "what was read is counted" grep -q '^other/longer: 97.7 KiB in ' "$err"
: >other/none
compares "nothing of it" 65 '^other/none: 100000 bytes shorter ' file.torrent other/none
check "  … of which nothing was read" grep -q '^other/none: 0 B in .*, 0 B/s$' "$err"
compares "less again" 65 '^other/shorter: ' file.torrent other/shorter
check "  … all of which was read" grep -q '^other/shorter: 97.7 KiB in ' "$err"
ends "no such file" 66 verify file.torrent missing
ends "no such torrent" 66 verify missing.torrent
ends "no torrent" 65 verify file file

echo "# get"
ends "no peers for a second" 75 get file.torrent -o alone --timeout 1s
check "  … and says what was waited for" grep -q 'no progress for 1.0s' "$err"
check "  … leaving the .part" test -e alone/file.part
check "  … and drawing nothing, since this is no terminal" test -z "$(tr -cd '\r\033' <"$err")"
script -qec "'$peerctl' get file.torrent -o alone --timeout 500ms" tty.out >/dev/null || true
check "on a terminal it draws how far it has come" grep -q $'\r.*0%' tty.out
ends "a time that is none" 64 get file.torrent --timeout soon
ends "no such torrent" 66 get missing.torrent
ends "no torrent" 65 get file
ends "a directory that cannot be" 73 get file.torrent -o file/there
start_peer seeder
cp file seeder/downloads/
drop seeder file.torrent
check "a seeder is there" wait_for_line "$work/seeder/log" ' tracker\.reached '
ends "get from an address that is taken" 69 get file.torrent -o taken --listen "$address:${ports[seeder]}"
check "  … which is named" grep -q "$address:${ports[seeder]}" "$err"
ends "get from what is no address" 64 get file.torrent -o taken --listen localhost:0
ends "get" 0 get file.torrent -o got --timeout 20s --listen "$address:0"
check "  … and there it is" cmp file got/file
check "  … without a .part" test ! -e got/file.part
check "  … having received all of it" grep -q "complete, $length bytes, of which $length received" "$err"
mkdir part
keep_pieces file part/file.part "$piece" 0 1 2 10
ends "with a .part" 0 get file.torrent -o part --timeout 20s
check "  … only the rest is received" \
  grep -q "of which $((length - 4 * piece)) received" "$err"
check "  … and there it is" cmp file part/file
(cd part && rm file && run "$peerctl" get ../file.torrent --timeout 20s && exit "$status")
check "without -o it comes here" cmp file part/file
ends "with a .part that is all there" 0 get file.torrent -o alone --timeout 20s
check_exit "the seeder leaves" 0 stop seeder
ends "with the complete file, and nobody there" 0 get file.torrent -o got --timeout 5s
check "  … nothing is received" grep -q 'of which 0 received' "$err"
mv alone/file alone/file.part
ends "with a complete .part, and nobody there" 0 get file.torrent -o alone --timeout 5s
check "  … which gets its name" cmp file alone/file
mkdir damaged
cp other/damaged damaged/file
ends "with a damaged file" 65 get file.torrent -o damaged --timeout 5s
check "  … which is left alone" cmp other/damaged damaged/file
check "  … and how many pieces" grep -q '2 of 25 pieces' "$err"
mkdir long
cp other/longer long/file
ends "with another file of that name" 74 get file.torrent -o long --timeout 5s
check "  … which is left alone" cmp other/longer long/file

start giver "$peerctl" get file.torrent -o got --seed
check "--seed goes on serving" wait_for_line giver/out 'complete, '
ends "get from there" 0 get file.torrent -o from_giver --timeout 20s
check "  … and there it is" cmp file from_giver/file
check_exit "until TERM, and exits 0" 0 stop giver

# A peer that sends the only piece in two halves, the second one when it is told that we stop.
random_file 100 late 2
make_torrent late late.torrent
run "$peerctl" show --json late.torrent
hash=$(sed -n 's/.*"info_hash": *"\([0-9a-f]*\)".*/\1/p' "$out")
frame=000000000000006d000000690700000000$(od -An -v -tx1 late | tr -d ' \n')
port=$("$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
start getter "$peerctl" get late.torrent -o in_time --listen "127.0.0.1:$port"
hesitant() {
  "$python" "$support/hostile_peer.py" "127.0.0.1:$port" "greet:$hash:1:all" recv-until:2 \
    frame:0000000101 recv-until:6 "hex:${frame:0:100}" recv-until:10 "hex:${frame:100}" hold:5
}
connected() { hesitant >hesitant.out 2>&1 || ! grep -q '^connect failed' hesitant.out; }
start hesitant wait_until 20 connected
check "--listen says where it is reached" wait_for_line hesitant.out '^frame .* id=6 '
check_exit "INT when the last piece is on its way exits 0" 0 stop getter INT
check "  … and there it is" cmp late in_time/late

make_torrent file slow.torrent --original --piece-length 512 # more pieces than are asked for ahead
start source "$python" "$support/original_peer.py" --torrent slow.torrent --data "$work/file" \
  --delay 0.02
wait_for_line source/out '^announced '
start getter "$peerctl" get slow.torrent -o slow --timeout 20s
check "somebody fetches" wait_until 20 has_lines source/out '^sent ' 10
check_exit "INT exits 75" 75 stop getter INT
check "  … leaving the .part" test -e slow/file.part -a ! -e slow/file
ends "get again" 0 get slow.torrent -o slow --timeout 20s
check "  … and there it is" cmp file slow/file
received=$(sed -n 's/.* of which \([0-9]*\) received.*/\1/p' "$err")
check "  … without what was there" test "$received" -le $((length - 10 * 512))

echo "# status"
printf 'status_file: %s\n' "$work/seeder/status.json" >peerd.yaml
ends "no peerd" 69 status --config peerd.yaml
check "  … naming the file" grep -q "$work/seeder/status.json" "$err"
ends "no such configuration" 78 status --config missing.yaml
printf 'status_fill: x\n' >bad.yaml
ends "a bad configuration" 78 status --config bad.yaml
start_peer seeder
check "it seeds" wait_until 10 has_status seeder file state seeding
run "$peerctl" status --config peerd.yaml
check "status exits 0" same "$status" 0
check "  … with a heading" grep -Eq '^NAME +DONE ' "$out"
check "  … a line a torrent" grep -Eq '^file +100\.0% .* seeding$' "$out"
check "  … and a total" grep -Eq '^1 torrent +100\.0% ' "$out"
run "$peerctl" status --config peerd.yaml --json
check "status --json exits 0" same "$status" 0
check "  … with the status file" holds "$out" \
  "[t['name'] for t in j['torrents']] == ['file'] and j['torrents'][0]['done'] == 1"
stop seeder KILL || true
run "$peerctl" status --config peerd.yaml
check "a peerd that was killed: exit 69" same "$status" 69
check "  … saying so" grep -q 'peerd is not running: .* gone without a word' "$err"
sleep 100 &
pids[sleeper]=$!
sed -i "s/\"pid\": .*,/\"pid\": ${pids[sleeper]},/" seeder/status.json
run "$peerctl" status --config peerd.yaml
check "so when another process has its number" same "$status" 69
stop sleeper || true
finish
