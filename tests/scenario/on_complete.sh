#!/bin/bash
# A program that is run when a download completes: with what it needs to know and nothing else, not for
# a file that was there already, and never in the way of the daemon.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_tracker
start_peer seeder
for name in one.bin "two words.bin" three.bin four.bin; do
  random_file 256KiB "$work/$name" "${#name}"
  make_torrent "$work/$name" "$work/$name.torrent" --piece-length 65536
  cp "$work/$name" "$work/seeder/downloads/"
  drop seeder "$work/$name.torrent"
done

program=$work/program
cat >"$program" <<'END'
#!/bin/sh
# What it was given; how it ends is told by a file.
{
  echo "arguments $*"
  echo "directory $(pwd -P)"
  env | grep -Ev '^(PWD|SHLVL|_|OLDPWD)=' | sort
  ls /proc/self/fd | tr '\n' ' '
} >"$PIECEWORK_PATH.seen"
cmp "$PIECEWORK_NAME" "$PIECEWORK_PATH" && echo "it is there"
[ ! -e "$1/hang" ] || { echo $$ >"$1/hanging"; trap '' TERM; while :; do sleep 0.05; done; }
[ ! -e "$1/fail" ] || { echo "no such luck" >&2; exit 3; }
END
chmod +x "$program"
mkdir "$work/how"
log=$work/leecher/log
downloads=$work/leecher/downloads
with_program=(--set "on_complete=$program,$work/how,--fixed")

# An open descriptor and a variable of whoever starts the daemon are not the program's.
exec 7<"$0"
SECRET=yes start_peer leecher "${with_program[@]}"
exec 7<&-
cp "$work/three.bin" "$downloads/"
for name in one.bin "two words.bin" three.bin; do drop leecher "$work/$name.torrent"; done
check "it is run for what was fetched" wait_until 20 has_lines "$log" ' info program\.ended ' 2
hash=$(hash_of "$work/two words.bin.torrent")
real=$(cd "$downloads" && pwd -P)
cat >"$work/expected" <<END
arguments $work/how --fixed
directory $real
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PIECEWORK_BYTES=262144
PIECEWORK_HASH=$hash
PIECEWORK_NAME=two words.bin
PIECEWORK_PATH=$downloads/two words.bin
END
check "with arguments, directory and variables, and no others" \
  diff "$work/expected" <(grep -v '^[0-9]' "$downloads/two words.bin.seen")
check "and with no descriptor of ours" test "$(tail -n 1 "$downloads/two words.bin.seen")" = "0 1 2 3 "
check "its last words are logged" grep -q ' program\.ended .*name="two words.bin" .* output="it is there"$' "$log"
check "a file that was there is seeded" wait_for_line "$log" ' torrent\.seeding .*name=three\.bin'
restart() {
  stop_in_time leecher || true
  start_peer leecher "${with_program[@]}"
}
restart
check "after a restart all three are" wait_until 20 has_lines "$log" ' torrent\.seeding ' 3
check "for none of which it was run again" test "$(count_lines "$log" ' program\.')" = 0 -a ! -e "$downloads/three.bin.seen"

# ---- It fails; it hangs when the daemon is stopped; it takes too long ----
# again: one.bin is fetched anew.
again() {
  rm "$work/leecher/torrents/one.bin.torrent"
  wait_for_line "$log" ' torrent\.stopped .*name=one\.bin'
  rm -f "$downloads/one.bin"
  drop leecher "$work/one.bin.torrent"
}
touch "$work/how/fail"
again
check "a failure is a warning with status and words" wait_for_line "$log" \
  ' warn program\.failed .*name=one\.bin reason="exit status 3" seconds=[0-9.]+ output="it is there\\nno such luck"$'
check "and harms nobody" wait_until 5 has_status leecher one.bin state seeding
rm "$work/how/fail"

touch "$work/how/hang"
restart
drop leecher "$work/four.bin.torrent"
check "one hangs" wait_until 20 test -s "$work/how/hanging"
check_exit "the daemon stops in time" 0 stop_in_time leecher
check "and says what it did" grep -q ' warn program\.failed .* reason="ended because peerd was stopped"' "$log"
check "the program is gone" is_gone "$(cat "$work/how/hanging")"
rm "$work/how/hanging" "$downloads/four.bin"
with_program+=(--set on_complete_timeout=1s)
start_peer leecher "${with_program[@]}"
check "it hangs again" wait_until 20 test -s "$work/how/hanging"
check "until its time is over" wait_for_line "$log" ' warn program\.failed .* reason="ended because it took too long"'
check "the program is gone" is_gone "$(cat "$work/how/hanging")"
children() { cat "/proc/${pids[leecher]}"/task/*/children; }
check "and nothing is left of it" test -z "$(children)"

# ---- One that cannot be run ----
mv "$program" "$program.away"
rm "$work/how/hang"
again
check "a program that went is a warning" wait_for_line "$log" \
  ' warn program\.failed .*name=one\.bin reason="run .*/program: No such file or directory"$'
check "the download is complete all the same" cmp "$work/one.bin" "$downloads/one.bin"
for name in leecher seeder tracker; do check_exit "$name exits 0" 0 stop_in_time $name; done

# refused SENTENCE VALUE PATTERN
refused() {
  printf 'watch_dir: /x\non_complete: %s\n' "$2" >"$work/bad.yaml"
  local status=0
  "$BIN/peerd" --test-config --config "$work/bad.yaml" >"$work/said" 2>&1 || status=$?
  check "$1 is refused" test "$status" = 78
  check "naming file and line" grep -Eq "^$work/bad\.yaml:2:[0-9]+: on_complete: $3" "$work/said"
}
refused "a program that is not there" "[$program, x]" "$program: No such file"
touch "$work/plain"
refused "a file that is no program" "[$work/plain]" "$work/plain: Permission denied"
refused "a directory" "[$work]" "$work: not a regular file"
refused "a name without its path" "[cp]" "must begin with the path"
refused "what is no list" "$program.away" "must be a list"
check "one that is there is fine" "$BIN/peerd" --test-config --config /dev/null --set "on_complete=$program.away,x"
finish
