#!/bin/bash
# A directory as one torrent: empty files, executable ones, names with blanks and beyond ASCII, in
# directories in directories. Two hosts fetch it from a third, one is killed in the middle; what has
# changed is found again, what may not be is refused.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

tree=$work/tree
downloads=$work/leecher/downloads
log=$work/leecher/log

# same_tree A B: equal contents, and the same modes.
modes() { (cd "$1" && find . -type f -printf '%m %p\n' | LC_ALL=C sort); }
not_hashed() { ! grep ' torrent\.checking ' "$log"; }
same_tree() { diff -r "$1" "$2" && diff <(modes "$1") <(modes "$2"); }

# says REGEX COMMAND...: among what it prints.
says() { { "${@:2}" 2>&1 || true; } | grep -- "$1"; }

# ---- The directory ----
mkdir -p "$tree/sub/ä ö/deep" "$tree/sub-way" "$tree/many"
random_file 3000000 "$tree/sub/ä ö/deep/large file"
random_file 70000 "$tree/sub-way/ß"
: >"$tree/empty"
: >"$tree/many/.hidden empty"
printf '#!/bin/sh\necho hello\n' >"$tree/sub/run me"
chmod 755 "$tree/sub/run me"
for i in {100..219}; do head -c $((i * 7)) "$tree/sub-way/ß" >"$tree/many/$i"; done
chmod -R u=rwX,go=rX "$tree"
files=$(find "$tree" -type f | wc -l)

# ---- Made ----
start_tracker --set announce_interval=60s
check "a torrent is made of it" make_torrent "$tree" "$work/first.torrent" --piece-length 16384
cp -a "$tree" "$work/again"
check "and the same of a copy, with a slash behind its name" \
  make_torrent "$tree/" "$work/second.torrent" --piece-length 16384
check "to the byte" cmp "$work/first.torrent" "$work/second.torrent"
check "show names every file" \
  test "$("$BIN/peerctl" show "$work/first.torrent" | grep -c '^ *[0-9]*  [^ ]')" = "$files"
check "and marks what may be run" \
  grep -Eq '^ +21  sub/run me\*$' <("$BIN/peerctl" show "$work/first.torrent")
check "it verifies" "$BIN/peerctl" verify "$work/first.torrent" "$tree"
printf x >>"$work/again/empty"
chmod a-x "$work/again/sub/run me"
rm "$work/again/many/.hidden empty"
run=("$BIN/peerctl" verify "$work/first.torrent" "$work/again")
check_exit "one with other files does not" 65 "${run[@]}"
for word in 'again/empty: 1 byte longer' 'run me: is not executable' '\.hidden empty: missing'; do
  check "and that is said: $word" says "$word" "${run[@]}"
done
run=("$BIN/peerctl" make "$tree" --announce "$tracker" -o "$work/x.torrent")
ln -s empty "$tree/link"
check_exit "a symbolic link is refused" 65 "${run[@]}"
check "by its name" says 'tree/link: is a symbolic link' "${run[@]}"
rm "$tree/link"
mkfifo "$tree/fifo"
check_exit "and a FIFO" 65 "${run[@]}"
check "by its name" says 'tree/fifo: is a FIFO' "${run[@]}"
rm "$tree/fifo"
check_exit "an original could not read it" 64 "${run[@]}" --original
check "nothing of these was written" test ! -e "$work/x.torrent"
run=("$BIN/peerctl" serve "$tree" --listen 127.0.0.1:0)
check_exit "serve sends no directory" 66 "${run[@]}"
check "and says why" says 'is a directory' "${run[@]}"

# ---- Fetched, with one killed in the middle ----
throttled_torrent "$tree" tree --piece-length 16384
start_peer seeder
cp -a "$tree" "$work/seeder/downloads/"
drop seeder "$work/hidden/tree.torrent"
check "a directory among the downloads is checked and seeded" \
  wait_for_line "$work/seeder/log" 'torrent\.seeding .*name=tree'
start_throttle slow seeder "$work/tree.torrent" $((1 << 20))
start_peer leecher --set log.level=debug
drop leecher "$work/tree.torrent"
check "a download begins" wait_until 20 received_at_least 30
check "as NAME.part, with every file in it" \
  test "$(find "$downloads/tree.part" -type f | wc -l)" = "$files"
check "and no NAME" test ! -e "$downloads/tree"
stop leecher KILL || true
before=$(received)
start_peer leecher --set log.level=debug
check "killed, it goes on" wait_until 20 received_at_least 10
check "with what it had noted (of $before)" grep -Eq ' torrent\.downloading .*has=[0-9]' "$log"
check_exit "it stops in order" 0 stop_in_time leecher
start_peer leecher --set log.level=debug
start_peer other
drop other "$work/tree.torrent"
kill -USR1 "${pids[slow]}"
for name in leecher other; do
  check "$name completes" wait_complete "$name" 30
  check "with equal files and modes" same_tree "$tree" "$work/$name/downloads/tree"
  check "and no .part" test ! -e "$work/$name/downloads/tree.part"
done
check "after an orderly stop nothing was hashed" not_hashed
check "the status knows it as any other" wait_until 5 has_status leecher tree state seeding

# ---- Found again ----
pieces=$(value_of "$log" torrent.downloading pieces)
restart() {
  stop leecher || true
  start_peer leecher --set log.level=debug
}
restart
check "complete, it is seeded after a restart" \
  wait_for_line "$log" " torrent\.seeding .*has=$pieces pieces=$pieces"
check "without being hashed" not_hashed
touch "$downloads/tree/many/150"
restart
check "with one file touched, too" wait_for_line "$log" " torrent\.seeding .*has=$pieces pieces=$pieces"
check "for which no more than its own pieces are hashed" \
  test "$(value_of "$log" torrent.checking pieces)" -le 2
rm "$downloads/tree/many/150" "$downloads/tree/empty"
restart
check "with files missing it serves the rest" wait_for_line "$log" ' torrent\.damaged .*wrong_files=2'
check "and says how to mend it" wait_until 5 has_reason leecher tree '2 files .*NAME\.part'
check "and overwrites nothing" test ! -e "$downloads/tree/many/150"
stop leecher || true
mv "$downloads/tree" "$downloads/tree.part"
start_peer leecher --set log.level=debug
check "renamed to NAME.part it is mended" wait_complete leecher 30
check "and equal again" same_tree "$tree" "$downloads/tree"
check "by no more pieces than were missing" test "$(received)" -le 2

# ---- Without a daemon ----
mkdir "$work/got"
check "peerctl get fetches it" "$BIN/peerctl" get "$work/tree.torrent" -o "$work/got" --timeout $((20 * SLOW))s
check "and it is equal" same_tree "$tree" "$work/got/tree"

# ---- Refused ----
# bad NAME PATH...: drops a torrent with those files of a byte.
bad() {
  "$python" -c 'import json, sys
torrent = json.load(open(sys.argv[1]))
files = [{"path": path, "length": 1} for path in sys.argv[3:]]
torrent["info"].update(file_name="bad-" + sys.argv[2], files=files, piece_length=len(files))
del torrent["info"]["piece_hash"][1:]
json.dump(torrent, open(sys.argv[1] + ".bad", "w"))' "$work/tree.torrent" "$@"
  mv "$work/tree.torrent.bad" "$work/bad-$1.torrent"
  drop other "$work/bad-$1.torrent"
}
note() { wait_for_line "$work/other/torrents/bad-$1.torrent.invalid" "$2" 10; }
bad absolute /tmp/x
check "an absolute path is refused with a note" note absolute 'files\[0\]\.path: must not begin with a slash'
bad up a ../x
check "one that leads out" note up 'files\[1\]\.path: must not hold \. or \.\.'
bad hidden-up a/../../x
check "one that leads out further in" note hidden-up 'files\[0\]\.path: must not hold'
bad double a//b
check "one with an empty name" note double 'files\[0\]\.path: must not hold an empty name'
bad control $'a\nb'
check "one with a control character" note control 'files\[0\]\.path: must not hold a control character'
bad twice a a
check "one that is there twice" note twice 'files\[1\]\.path: is there twice'
bad below a a/b
check "a file that would have to be a directory" note below 'files\[1\]\.path: is below another'
bad good a b
check "and the same without a fault is taken" wait_for_line "$work/other/log" 'torrent\.added .*name=bad-good'
check "nothing of the bad ones was made" \
  test "$(find "$work/other/downloads" -maxdepth 1 -name 'bad-*' ! -name 'bad-good.part')" = ""

# ---- Symbolic links in the way ----
mkdir "$work/outside"
stop other || true
rm -r "$work/other/downloads/tree"
mkdir "$work/other/downloads/tree.part"
ln -s "$work/outside" "$work/other/downloads/tree.part/many"
start_peer other
check "a link in the way stops the torrent" wait_until 10 has_status other tree state error
check "naming it" has_reason other tree 'tree\.part/many'
check "and nothing was written behind it" test -z "$(ls "$work/outside")"
rm "$work/other/downloads/tree.part/many"
check "gone, the tree comes" wait_complete other 30
check "whole" same_tree "$tree" "$work/other/downloads/tree"
for name in leecher other seeder; do check "$name stops in time" stop_in_time "$name"; done
finish
