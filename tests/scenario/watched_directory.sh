#!/bin/bash
# The watched directory is the list of torrents: what is dropped, written slowly, broken, corrected,
# renamed, replaced or removed there, and what else may lie there.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

watched=$work/watcher/torrents
log=$work/watcher/log

# new_torrent NAME SIZE [OPTION]...: a file and its torrent, $work/NAME.torrent.
seed=0
new_torrent() {
  local name=$1 size=$2
  shift 2
  random_file "$size" "$work/files/$name" $((++seed))
  make_torrent "$work/files/$name" "$work/$name.torrent" "$@"
}

# edit_torrent FROM TO STATEMENT: TO is FROM after a Python statement about `t`, the document.
edit_torrent() {
  "$python" -c 'import json, sys
t = json.load(open(sys.argv[1]))
exec(sys.argv[3])
json.dump(t, open(sys.argv[2], "w"))' "$@"
}

taken() { wait_for_line "$log" "torrent\.added .* name=$1\$"; }
times_taken() { count_lines "$log" "torrent\.added .* name=$1\$"; }
taken_times() { has_lines "$log" "torrent\.added .* name=$1\$" "$2"; }
noted() { wait_until 20 grep -Eqs -- "$2" "$watched/$1.invalid"; }
is_gone() { [ ! -e "$1" ]; }

# all_seen [NAME]: what was done before is judged by now, since this torrent was dropped after it.
sentinels=0
all_seen() {
  sentinels=$((sentinels + 1))
  edit_torrent "$work/sentinel.torrent" "$work/sentinel$sentinels.torrent" \
    "t['info']['file_name'] = 'sentinel$sentinels'"
  drop "${1:-watcher}" "$work/sentinel$sentinels.torrent"
  taken "sentinel$sentinels"
}

start_tracker
mkdir "$work/files"
new_torrent sentinel 1
start_peer watcher

echo "# slow writers"
new_torrent halves 1000
head -c 100 "$work/halves.torrent" >"$watched/halves.torrent"
check "half a torrent is judged when it is closed" noted halves.torrent 'offset|end'
check "and logged" wait_for_line "$log" 'error torrent\.invalid file=halves\.torrent reason='
tail -c +101 "$work/halves.torrent" >>"$watched/halves.torrent"
check "with the other half it is taken" taken halves
check "and the note goes" wait_until 5 is_gone "$watched/halves.torrent.invalid"

new_torrent open 1000
exec 5>"$watched/open.torrent"
head -c 100 "$work/open.torrent" >&5
check "(others are seen)" all_seen
check "a file still open for writing is not judged" test ! -e "$watched/open.torrent.invalid"
tail -c +101 "$work/open.torrent" >&5
exec 5>&-
check "but when it is closed" taken open

echo "# torrents that are none"
new_torrent good 1000
edits=(
  "bad-json|t = [t]|object"
  "no-announce|del t['announce']|announce: missing"
  "no-hashes|del t['info']['piece_hash']|info\.piece_hash: missing"
  "no-name|del t['info']['file_name']|info\.file_name: missing"
  "up|t['info']['file_name'] = '../escaped'|info\.file_name: .*slash"
  "absolute|t['info']['file_name'] = '$work/escaped'|info\.file_name: .*slash"
  "empty-name|t['info']['file_name'] = ''|info\.file_name: .*empty"
  "dot|t['info']['file_name'] = '.'|info\.file_name: "
  "dotdot|t['info']['file_name'] = '..'|info\.file_name: "
  "nul|t['info']['file_name'] = 'es\\0caped'|info\.file_name: .*control"
  "newline|t['info']['file_name'] = 'esc\\naped'|info\.file_name: .*control"
  "long|t['info']['file_name'] = 'n' * 251|info\.file_name: .*250"
  "part|t['info']['file_name'] = 'escaped.part'|info\.file_name: .*\.part"
  "count|t['info']['piece_hash'] *= 2|info\.piece_hash: "
  "huge-pieces|t['info']['piece_length'] = 1 << 40|info\.piece_length: "
  "negative|t['info']['file_length'] = -1|info\.file_length: "
  "port|t['port'] = 65536|port: "
)
find "$work/watcher/downloads" "$work/watcher/state" | sort >"$work/before"
for edit in "${edits[@]}"; do
  IFS='|' read -r name statement complaint <<<"$edit"
  edit_torrent "$work/good.torrent" "$work/$name.torrent" "$statement"
  drop watcher "$work/$name.torrent"
  check "refused, with a note that says why: $name" noted "$name.torrent" "$complaint"
done
printf '{"announce": ' >"$watched/cut.torrent"
check "refused: cut off" noted cut.torrent 'offset'
printf '{"announce": "\xff"}' >"$watched/utf8.torrent"
check "refused: not UTF-8" noted utf8.torrent 'offset|UTF-8|encoding'
sed 's/"port"/"announce"/' "$work/good.torrent" >"$watched/twice.torrent"
check "refused: a key given twice" noted twice.torrent 'announce: duplicate|duplicate.*announce'
: >"$watched/empty.torrent"
check "refused: an empty file" noted empty.torrent 'empty|offset'
check "no refusal made a line of its own in the log" \
  test "$(grep -vcE '^[0-9T:.Z-]+ (info|warn|error|debug) [a-z._]+( |$)' "$log")" = 0
find "$work/watcher/downloads" "$work/watcher/state" | sort >"$work/after"
check "nothing was created for any of them" diff "$work/before" "$work/after"
check "nor outside the download directory" test -z "$(find "$work" -name '*escaped*' -o -name 'esc*')"
check "nor taken" test "$(times_taken '.*(escaped|nnn).*')" = 0

drop watcher "$work/good.torrent"
check "a good one beside them is taken" taken good
edit_torrent "$work/good.torrent" "$work/up.torrent" "t['info']['file_name'] = 'corrected'"
drop watcher "$work/up.torrent"
check "one that is replaced by a good one is taken" taken corrected
check "and its note goes" wait_until 5 is_gone "$watched/up.torrent.invalid"
rm "$watched/long.torrent"
check "the note goes with the bad one" wait_until 5 is_gone "$watched/long.torrent.invalid"

echo "# going on where it was"
new_torrent resumed 8000 --piece-length 1000
hash=$(hash_of "$work/resumed.torrent")
keep_pieces "$work/files/resumed" "$work/watcher/downloads/resumed.part" 1000 1 3 7
drop watcher "$work/resumed.torrent"
check "a .part is checked" wait_for_line "$log" 'torrent\.downloading .*name=resumed has=3 pieces=8'
rm "$watched/resumed.torrent"
check "a removed torrent stops" wait_for_line "$log" 'torrent\.stopped .*name=resumed$'
check "its .part stays" test -e "$work/watcher/downloads/resumed.part"
check "its state stays" test -e "$work/watcher/state/$hash.json"
check "it is no longer in the status" wait_until 5 has_status watcher resumed state ''
drop watcher "$work/resumed.torrent"
check "dropped again it goes on" \
  wait_until 20 has_lines "$log" 'torrent\.downloading .*name=resumed has=3 pieces=8' 2
check "without checking again" \
  test "$(count_lines "$log" 'torrent\.checking .*name=resumed ')" = 1
mv "$watched/resumed.torrent" "$watched/renamed.torrent"
check "renamed it goes on" \
  wait_until 20 has_lines "$log" 'torrent\.downloading .*name=resumed has=3 pieces=8' 3
cp "$work/files/resumed" "$work/watcher/downloads/"
rm "$watched/renamed.torrent"
check "a complete file is there, and the torrent is gone" \
  wait_until 20 has_lines "$log" 'torrent\.stopped .*name=resumed$' 3
drop watcher "$work/resumed.torrent"
check "dropped again it is seeded from there" wait_for_line "$log" 'torrent\.seeding .*name=resumed '
check "the file stays as it was" cmp "$work/files/resumed" "$work/watcher/downloads/resumed"

echo "# one after another"
mkdir "$work/other"
edit_torrent "$work/good.torrent" "$work/other/halves.torrent" "t['info']['file_name'] = 'instead'"
drop watcher "$work/other/halves.torrent"
check "other content under the same name is another torrent" taken instead
check "the one before has stopped" wait_for_line "$log" 'torrent\.stopped .*name=halves$'
check "and its data stays" test -e "$work/watcher/downloads/halves.part"
drop watcher "$work/halves.torrent"
check "and back again" wait_until 20 taken_times halves 2
before=$(times_taken halves)
cat "$work/halves.torrent" >"$watched/halves.torrent"
check "(others are seen)" all_seen
check "written again with the same content it is left alone" test "$(times_taken halves)" = "$before"

echo "# in each other's way"
cp "$work/good.torrent" "$work/good2.torrent"
drop watcher "$work/good2.torrent"
check "the same torrent under another name is refused, naming the first" \
  noted good2.torrent 'same torrent .*good\.torrent'
random_file 1000 "$work/other/good" 1000
make_torrent "$work/other/good" "$work/clash.torrent"
drop watcher "$work/clash.torrent"
check "another file of the same name is refused, naming the first" \
  noted clash.torrent 'file_name good .*good\.torrent'
check "which is logged" wait_for_line "$log" 'error torrent\.invalid file=clash\.torrent reason='
rm "$watched/good2.torrent" "$watched/good.torrent"
check "when the first is removed, the second is taken" wait_until 20 taken_times good 2
check "and its note goes" wait_until 5 is_gone "$watched/clash.torrent.invalid"

echo "# what else may lie there"
edit_torrent "$work/good.torrent" "$work/hidden.torrent" "t['info']['file_name'] = 'hidden'"
cp "$work/hidden.torrent" "$watched/.hidden.torrent"
cp "$work/hidden.torrent" "$watched/hidden.torrent.tmp"
cp "$work/hidden.torrent" "$watched/hidden"
cp "$work/hidden.torrent" "$watched/.torrent"
mkfifo "$work/fifo.torrent"
mkdir "$work/directory.torrent"
ln -s /dev/zero "$work/zero.torrent"
ln -s missing "$work/dangling.torrent"
ln -s . "$work/link.torrent"
"$python" -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$work/socket.torrent"
mv "$work"/{fifo,directory,zero,dangling,link,socket}.torrent "$watched/"
check "dotfiles and other names are skipped" all_seen
check "none of them was judged" test "$(count_lines "$log" 'hidden|file=\.')" = 0
for name in fifo directory zero link; do
  check "refused: a $name" noted "$name.torrent" 'regular file|directory'
done
check "refused: a socket" noted socket.torrent 'No such device'
check "which is logged" wait_for_line "$log" 'error torrent\.invalid file=socket\.torrent'
ln -s "$work/hidden.torrent" "$work/symlink.torrent"
mv "$work/symlink.torrent" "$watched/"
check "a link to a torrent is as good as one" taken hidden

echo "# while the daemon is down"
check_exit "it stops in order" 0 stop watcher
rm "$watched/up.torrent" # which was corrected
edit_torrent "$work/good.torrent" "$watched/down.torrent" "t['info']['file_name'] = 'down'"
start_peer watcher
check "what was dropped meanwhile is taken" taken down
check "what was there before too" taken halves
check "what was complete is not checked again" \
  wait_for_line "$log" 'torrent\.seeding .*name=resumed '
check "(others are seen)" all_seen
check "what was removed meanwhile is not" test "$(times_taken corrected)" = 0
check "the notes of the bad ones stay" test -e "$watched/cut.torrent.invalid"
check "nothing is checked again" test "$(count_lines "$log" 'torrent\.checking')" = 0

echo "# without inotify"
start_peer scanner --set rescan_interval=1s
scanned=$work/scanner/torrents
log=$work/scanner/log
check "(it has looked for the first time)" all_seen scanner
new_torrent linked 1000
touch "$work/linked.torrent"
ln "$work/linked.torrent" "$scanned/linked.torrent" # which inotify does not call a write
head -c 100 "$work/hidden.torrent" >"$work/growing.torrent"
ln "$work/growing.torrent" "$scanned/growing.torrent"
for at in $(seq 101 20 500); do # for longer than a file has to rest
  tail -c "+$at" "$work/hidden.torrent" | head -c 20 >>"$work/growing.torrent"
  sleep 0.15
done
tail -c +501 "$work/hidden.torrent" >>"$work/growing.torrent"
check "a torrent that was linked in is found" taken linked
age() {
  local at
  at=$(date -d "$(sed -n 's/ info torrent\.added .* name=linked$//p' "$log")" +%s%N)
  echo $(((at - $(date -d "@$(stat -c %.9Y "$work/linked.torrent")" +%s%N)) / 1000000))
}
check "once it was 2 s old" test "$(age)" -ge 1999
check "one that grows is found when it rests" taken hidden
check "and was not judged before" test "$(count_lines "$log" 'torrent\.invalid')" = 0
mv "$scanned" "$work/scanner/elsewhere"
check "that the directory is gone is said" wait_for_line "$log" 'warn watch\.failed '
check "the torrents go on" wait_until 5 has_status scanner linked state downloading
check "and none was removed" test "$(count_lines "$log" 'torrent\.removed')" = 0
mkdir "$scanned"
check "one that is empty says that all are removed" \
  wait_for_line "$log" 'torrent\.stopped .*name=hidden$'
new_torrent again 1000
drop scanner "$work/again.torrent"
check "and is watched like the first" taken again
finish
