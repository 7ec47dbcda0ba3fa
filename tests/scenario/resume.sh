#!/bin/bash
# What a peer finds when it starts: its own download, stopped in order; a complete file; the same with
# its time changed, its state lost or damaged; and files that are not what they should be. Nothing is
# hashed without need, nothing is lost, nothing of somebody else's is overwritten.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=256
piece_length=16384
log=$work/leecher/log
downloads=$work/leecher/downloads

not_hashed() { ! grep ' torrent\.checking ' "$log"; }
hashed() { grep -q ' torrent\.checking ' "$log"; }
restart() {
  stop leecher >/dev/null || true
  start_peer leecher --set log.level=debug
}
state_file() { ls "$work"/leecher/state/*.json; }

start_slow_seeder $((pieces * piece_length)) $((1 << 20)) --piece-length "$piece_length"

# ---- In the middle ----
start_peer leecher --set log.level=debug
drop leecher "$work/file.torrent"
check "a download begins" wait_until 20 received_at_least 30
check_exit "it stops in order" 0 stop_in_time leecher
had=$(received)
check "in the middle ($had of $pieces pieces)" test "$had" -lt "$pieces"
start_peer leecher --set log.level=debug
check "it goes on" wait_until 20 received_at_least 10
check "with exactly what it had" test "$(value_of "$log" torrent.downloading has)" = "$had"
check "which nobody hashed again" not_hashed

had=$((had + $(received)))
stop leecher KILL || true
rm "$(state_file)"
start_peer leecher --set log.level=debug
check "without its state" wait_for_line "$log" ' torrent\.downloading '
check "a download is hashed" hashed
held=$(value_of "$log" torrent.downloading has)
check "and nothing is lost ($held, of $had that were logged)" test "$held" -ge "$had"
kill -USR1 "${pids[slow]}"
check "it completes" wait_complete leecher
check "the copy is equal" cmp "$work/file.bin" "$downloads/file.bin"
check "no piece was fetched twice" \
  test -z "$(sed -n 's/.* piece\.complete .* piece=\([0-9]*\) .*/\1/p' "$log"* | sort | uniq -d)"

# ---- Complete ----
# seeds SENTENCE: after a restart, all of it.
seeds() {
  check "$1" wait_for_line "$log" " torrent\.seeding .*has=$pieces pieces=$pieces"
}
restart
seeds "a complete file is seeded after a restart"
check "without being hashed" not_hashed
touch "$downloads/file.bin"
restart
seeds "one whose time has changed is seeded"
check "after it was hashed" hashed
restart
seeds "the time after that"
check "it is not" not_hashed
cp -p "$downloads/file.bin" "$work/copy"
mv "$work/copy" "$downloads/file.bin"
restart
seeds "one that was replaced by another is seeded"
check "after it was hashed" hashed
rm "$(state_file)"
restart
seeds "one without its state is seeded"
check "after it was hashed" hashed
good_state=$(cat "$(state_file)")
while IFS= read -r state; do
  stop leecher || true
  printf '%b' "$state" >"$(state_file)"
  start_peer leecher --set log.level=debug
  seeds "with the state '${state:0:30}' it is seeded"
  check "which is ignored, and said to be" grep -Eq ' warn state\.ignored path=.* reason=' "$log"
  check "and it is hashed" hashed
done <<END

garbage
\\0\\0\\0\\0\\0
${good_state:0:100}
${good_state/\"version\":1/\"version\":99}
${good_state/\"verified\":\"??/\"verified\":\"}
${good_state/\"info_hash\":\"?????/\"info_hash\":\"00000}
END

# ---- Not what it should be ----
mkdir "$work/aside"
for name in longer shorter other larger rotten; do
  random_file $((8 * piece_length)) "$work/$name" "${#name}"
  tracker=$address:${ports[tracker]} make_torrent "$work/$name" "$work/$name.torrent" --piece-length "$piece_length"
  cp "$work/$name" "$work/seeder/downloads/"
  drop seeder "$work/$name.torrent"
done
# A .part with more than the torrent has; one that was cut.
cat "$work/longer" "$work/longer" >"$downloads/longer.part"
head -c $((3 * piece_length + 5)) "$work/shorter" >"$downloads/shorter.part"
# Something else of the same name: as long; longer.
random_file $((8 * piece_length)) "$downloads/other" 77
random_file $((9 * piece_length)) "$downloads/larger" 78
cp -p "$downloads/other" "$downloads/larger" "$downloads/longer.part" "$work/aside/"
# The right one, with two pieces that are not right.
keep_pieces "$work/rotten" "$downloads/rotten" "$piece_length" 0 1 2 3 4 5
for name in longer shorter other larger rotten; do drop leecher "$work/$name.torrent"; done

untouched() { cmp "$downloads/$1" "$work/aside/$1"; }
check "a .part that was cut completes" wait_until 20 cmp -s "$work/shorter" "$downloads/shorter"
check "from the three pieces that it held" \
  grep -Eq ' torrent\.downloading .*name=shorter has=3 pieces=8' "$log"

check "a .part that is too long is an error" wait_until 10 has_status leecher longer state error
check "with a reason that names it" has_reason leecher longer 'longer\.part is longer'
check "and is as it was" untouched longer.part

check "a file of the same name and length is not overwritten" untouched other
check "the log says how much of it is wrong" \
  grep -Eq ' torrent\.damaged .*name=other bad_pieces=8 path=[^ ]*/other$' "$log"
check "and so does the status" wait_until 5 has_reason leecher other '8 of 8 pieces .*/other do not match'
check "a file with some pieces wrong is served for the others" \
  wait_for_line "$log" ' torrent\.seeding .*name=rotten has=6 pieces=8'
check "and the status says how many are not" wait_until 5 has_reason leecher rotten '2 of 8 pieces .* do not match'

check "a file of another length is an error" wait_until 5 has_status leecher larger state error
check "whose reason names both lengths" \
  has_reason leecher larger "$((9 * piece_length)) bytes.*$((8 * piece_length))"
check "and is as it was" untouched larger
check "there is no .part beside any of these" test ! -e "$downloads/other.part" -a ! -e "$downloads/larger.part"

# Moved out of the way, they are fetched without being asked.
mv "$downloads/larger" "$downloads/longer.part" "$work/aside/"
for name in larger longer; do
  check "when $name is moved away, it is fetched" wait_until 12 cmp -s "$work/$name" "$downloads/$name"
  check "and is no error any more" wait_until 5 has_status leecher "$name" state seeding
done

# What the reason of a damaged file asks for.
stop leecher || true
mv "$downloads/rotten" "$downloads/rotten.part"
start_peer leecher --set log.level=debug
check "a damaged file that was renamed to .part is mended" wait_until 20 cmp -s "$work/rotten" "$downloads/rotten"
check "by the two pieces that were wrong" test "$(received)" = 2
for name in leecher seeder; do check "$name stops in time" stop_in_time "$name"; done
check "what was not right is still there" untouched other
finish
