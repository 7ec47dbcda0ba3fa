#!/bin/bash
# Trackers that answer with a gigabyte, with rubbish, with a hundred thousand peers, bit by bit or
# not at all: a peer says what is wrong with them, its memory has a bound, it goes on to the next
# tracker of the torrent, and serves and fetches all the while.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# each WORD (support/hostile_tracker.py), and what is said of it.
words=(gigabyte huge garbage unframed trickle silence crowd hundred-thousand deep numbers busy)
declare -A complaint=(
  [gigabyte]='frame_too_large length=1073741824 limit=1048576' [huge]='frame_too_large length=9223372036854775808 '
  [garbage]='bad_response ' [unframed]='frame_too_large ' [trickle]='recv timed out' [silence]='recv timed out'
  [hundred-thousand]='frame_too_large ' [deep]='bad_response .*nested too deep' [numbers]='bad_response .*too many values'
)
log=$work/victim/log

# complained WORD: the victim says so of that tracker.
complained() { wait_for_line "$log" "tracker\.failed tracker=127\.0\.0\.1:${ports[$1]} .*reason=.*(${complaint[$1]})" 30; }
asked() { wait_until 30 has_lines "$work/$1/out" '^asked' "$2"; }

start_tracker
good=$tracker
random_file 2MiB "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length 64KiB
start_peer seeder
start_peer victim
cp "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
wait_for_line "$work/seeder/log" 'torrent\.seeding '
note_size victim

for word in "${words[@]}"; do
  start "$word" "$python" "$support/hostile_tracker.py" "$word"
  wait_for_line "$work/$word/out" '^listening '
  ports[$word]=$(sed -n 's/^listening port=//p' "$work/$word/out")
  # Nobody has what it announces, and so it goes on asking.
  random_file 1MiB "$work/$word.bin" "${ports[$word]}"
  tracker=127.0.0.1:${ports[$word]} make_torrent "$work/$word.bin" "$work/$word.torrent"
done
# A torrent that names bad ones before the good one.
random_file 1MiB "$work/listed.bin" 99
announce=()
for word in huge garbage deep; do announce+=(--announce "127.0.0.1:${ports[$word]}"); done
"$BIN/peerctl" make "$work/listed.bin" -o "$work/listed.torrent" "${announce[@]}" --announce "$good" 2>"$work/make.log"
cp "$work/listed.bin" "$work/seeder/downloads/"
drop seeder "$work/listed.torrent"

for word in "${words[@]}"; do drop victim "$work/$word.torrent"; done
drop victim "$work/file.torrent" "$work/listed.torrent"
check "a decent torrent completes beside them" wait_complete victim
for word in gigabyte huge garbage unframed hundred-thousand deep numbers; do
  check "said of the one with $word" complained "$word"
done
for word in crowd busy; do check "$word is asked again" asked "$word" 2; done
check "an answer without a wait is not asked for over and over" \
  test "$(count_lines "$work/busy/out" '^asked')" -lt 10
check "no more than a buffer of the gigabyte was taken" \
  wait_until 10 grep -Eq '^sent bytes=[0-9]{1,7}$' "$work/gigabyte/out"

check "with a good tracker in the list a torrent completes" wait_complete victim 60 2
for name in file listed; do
  check "the copy of $name is equal" cmp "$work/$name.bin" "$work/victim/downloads/$name.bin"
done

# They have had ten seconds.
for word in trickle silence; do check "said of the one with $word" complained "$word"; done
check "the status gives a reason" wait_until 5 has_reason victim trickle.bin 'timed out'
most=32
[ "$SLOW" = 1 ] || most=512 # the sanitizers keep what was freed
check "memory has a bound" test "$(memory_kib victim)" -lt $((most * 1024))
check "the log has not grown with them" test "$(wc -l <"$log")" -lt 1000
for word in "${words[@]}"; do rm "$work/victim/torrents/$word.torrent"; done
check "without those torrents it is as before" wait_until 30 is_as_before victim 48
check_exit "it stops in time" 0 stop_in_time victim
finish
