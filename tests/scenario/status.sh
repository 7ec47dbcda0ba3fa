#!/bin/bash
# What an operator reads: `peerctl status` on a terminal and in a pipe, and the status files.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=$work/peerd.yaml
esc=$'\e'
status() { "$BIN/peerctl" status --config "$config" "$@"; }
# on_terminal COLUMNS REGEX ARGUMENT...: status on a terminal with 10 rows, until REGEX and ^C.
on_terminal() {
  local columns=$1 regex=$2
  shift 2
  "$python" "$support/on_terminal.py" "$columns" 10 "$regex" "$BIN/peerctl" status --config "$config" "$@" >"$work/drawn"
}
# What is printed, without the terminal's carriage returns and without what only moves the cursor.
plain() { sed "s/$esc\\[[?0-9]*[A-Za-z]//g; s/\\r\$//" "$1"; }
# widest FILE: characters of its longest line.
widest() { plain "$1" | "$python" -c 'import sys
print(max(len(line.rstrip("\n")) for line in open(0, encoding="utf-8")))'; }
no_wider_than() { [ "$(widest "$1")" -le "$2" ]; }

printf 'status_file: %s\n' "$work/peer/status.json" >"$config"
status_said() { status 2>"$work/said"; }
check_exit "without a peerd it exits 69" 69 status_said
check "and says so in a word" grep -q '^peerctl: peerd is not running' "$work/said"

start_tracker
long=$(printf 'n%.0s' {1..120}).bin
start_peer peer
check "a peer without torrents says that there are none" test "$(status)" = "no torrents"
for i in {1..12}; do
  random_file 3000 "$work/file$i" "$i"
  make_torrent "$work/file$i" "$work/file$i.torrent"
  [ "$i" -gt 11 ] || cp "$work/file$i" "$work/peer/downloads/"
done
cp "$work/file1" "$work/$long"
make_torrent "$work/$long" "$work/long.torrent"
drop peer "$work"/*.torrent
everything_is_there() {
  status >"$work/table" && [ "$(count_lines "$work/table" '^file.* seeding$')" = 11 ] &&
    grep -q '^13 torrents .* 2 downloading, 11 seeding$' "$work/table"
}
check "a line for each torrent, and a total" wait_until 20 everything_is_there
check "downloads come first" test "$(sed -n '2p;3p' "$work/table" | cut -c1-4)" = $'file\nnnnn'
check "with why they are slow" grep -Eq '^file12 +0\.0% .* downloading +[a-z]' "$work/table"
check "in a file nothing is cut" grep -q "^$long " "$work/table"

check "on a terminal it prints the table once" on_terminal 80 ''
check "no line is wider than the terminal" no_wider_than "$work/drawn" 80
check "since long names are cut" grep -q '^nnnnnn*…  ' <(plain "$work/drawn")
check "all torrents are there" test "$(wc -l <"$work/drawn")" = 15
check "and nothing is drawn over" test "$(count_lines "$work/drawn" "$esc")" = 0
on_terminal 200 ''
check "a wide terminal shows the whole name" grep -q "^$long " <(plain "$work/drawn")

check_exit "--follow on a terminal ends at ^C, and exits 0" 0 on_terminal 70 'torrents.*torrents' --follow
check "it draws on another screen, without a cursor" grep -q "^$esc\\[?1049h$esc\\[?25l" "$work/drawn"
check "over and over from the top" test "$(grep -o "$esc\\[H" "$work/drawn" | wc -l)" -ge 2
check "as many lines as fit" grep -q "^… 7 more" <(plain "$work/drawn")
check "none too wide" no_wider_than "$work/drawn" 70
check "the terminal is as it was" grep -q "$esc\\[?25h$esc\\[?1049l" "$work/drawn"
sed "1,/1049l/d" "$work/drawn" >"$work/after"
check "and has the last table" test "$(wc -l <"$work/after")" -ge 14

"$BIN/peerctl" status --config "$config" --follow >"$work/followed" &
pids[follower]=$!
check "--follow elsewhere begins with the table" wait_until 10 has_lines "$work/followed" '^13 torrents ' 1
rm "$work/peer/torrents/file3.torrent"
check "and prints the total when it changes" wait_until 10 has_lines "$work/followed" '^12 torrents ' 1
drop peer "$work/file3.torrent"
check "and the rows that have changed" wait_until 20 has_lines "$work/followed" '^file3 .* seeding$' 2
check "not the others" test "$(count_lines "$work/followed" '^file5 ')" = 1
check "without any control" test "$(count_lines "$work/followed" "$esc")" = 0
check_exit "until TERM, and exits 0" 0 stop follower

kill -STOP "${pids[peer]}"
touch -d '1 minute ago' "$work/peer/status.json"
status >/dev/null 2>"$work/said"
kill -CONT "${pids[peer]}"
check "of a peerd that hangs, the file is said to be old" grep -q 'status\.json is [0-9]* s old: ' "$work/said"
status_is_fresh() { status >/dev/null 2>"$work/said" && ! grep . "$work/said"; }
check "it is made younger though nothing moves" wait_until 15 status_is_fresh
rm "$work/peer/status.json"
check "one that has gone comes back" wait_until 15 test -e "$work/peer/status.json"

start follower "$BIN/peerctl" status --config "$config" --follow --json
check "--follow --json prints the file" wait_until 10 has_lines "$work/follower/out" '"name": "file3"' 1
stop peer
wait_until 10 is_gone "${pids[follower]}" || true
check_exit "when peerd stops, --follow ends with 69" 69 stop follower
check "and says so" grep -q 'peerd is not running' "$work/follower/out"

# holds EXPRESSION: of the tracker's status s.
holds() {
  "$python" -c 'import json, sys
s = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$work/tracker/status.json" "$1" 2>/dev/null
}
before=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["announces"])' "$work/tracker/status.json")
ask() { "$python" "$support/ask_tracker.py" "$address" "${ports[tracker]}" "$1" >"$work/answer"; }
ask '{"port": 1, "peer_id": "somebody", "event": "started"}'
ask '{"port": 1, "event": "started"}'
check "the tracker's status counts announces" wait_until 5 holds "s['announces'] == $before + 2"
check "and those refused, by reason" wait_until 5 holds "s['refused'] == {'total': 1, 'bad_request': 1, 'max_swarms': 0, 'max_peers': 0, 'denied': 0}"
check "who is there" holds "s['swarms'] == 1 and s['peers'] == 1 and s['pid'] == ${pids[tracker]} and s['uptime'] > 0"
check "how many come in a second" wait_until 5 holds "0 < s['announces_per_second'] < $before + 2"
check "none in the end" wait_until 10 holds "s['announces_per_second'] == 0"
stop tracker
check "its status goes with it" test ! -e "$work/tracker/status.json"
finish
