#!/bin/bash
# A swarm at work on this machine: a tracker, two seeders that hold one half of a file each, and a third
# host that gets all of it; then the same file by serve/fetch, for comparison. Everything is on
# loopback and under one temporary directory, which goes away in the end.
#
#   scripts/demo.sh [FILE]     without FILE: a tar of /usr, cut at 512 MiB
set -euo pipefail

cd "$(dirname "$0")/.."
bin=$PWD/build/release
max_mib=512
work=$(mktemp -d "${TMPDIR:-/tmp}/piecework-demo.XXXXXX")
pids=()
clean_up() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'demo: %s\n' "$*" >&2
  tail -n 20 "$work"/*/log >&2 2>/dev/null || true
  exit 1
}
now() { date +%s%N; }
seconds_since() { awk -v ns=$(($(now) - $1)) 'BEGIN { printf "%.2f", ns / 1e9 }'; }

# wait_for SECONDS COMMAND...
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}
has_line() { grep -Eqs "$2" "$1"; }
port_of() {
  wait_for 10 has_line "$1" ' listening address=' || fail "no port in $1"
  sed -n 's/.* listening address=.*:\([0-9]*\)$/\1/p' "$1" | head -n 1
}

start_peer() {
  mkdir -p "$work/$1"/{torrents,downloads}
  "$bin/peerd" --set listen=127.0.0.1:0 --set "watch_dir=$work/$1/torrents" \
    --set "download_dir=$work/$1/downloads" --set "state_dir=$work/$1/state" \
    --set "status_file=$work/$1/status.json" --set "log.file=$work/$1/log" &
  pids+=($!)
  port=$(port_of "$work/$1/log")
}

# Bytes of what `host` has so far, from its status file.
bytes_of() { sed -n 's/^ *"bytes": \([0-9]*\),$/\1/p' "$work/$1/status.json" 2>/dev/null | head -n 1; }

if [ $# -gt 0 ]; then
  [ -f "$1" ] || fail "$1: no such file"
  file=$(realpath "$1")
else
  say "The file: a tar of /usr, at most $max_mib MiB of it"
  file=$work/usr.tar
  # head ends tar early, which is no failure here.
  { tar -cf - -C / usr 2>/dev/null || true; } | head -c "${max_mib}M" >"$file"
fi
name=$(basename "$file")
size=$(stat -c %s "$file")
free=$(($(stat -f -c '%a * %S' "$work")))
needed=$((size * 4 + (64 << 20)))
[ "$free" -gt "$needed" ] || fail "needs $((needed >> 20)) MiB free in ${TMPDIR:-/tmp}"
echo "$name, $size bytes"

say "A tracker, and the torrent"
mkdir -p "$work/tracker"
"$bin/trackerd" --set listen=127.0.0.1:0 --set "log.file=$work/tracker/log" \
  --set "status_file=$work/tracker/status.json" &
pids+=($!)
tracker_port=$(port_of "$work/tracker/log")
"$bin/peerctl" make "$file" --announce "127.0.0.1:$tracker_port" -o "$work/demo.torrent"
pieces=$("$bin/peerctl" show --json "$work/demo.torrent" |
  sed -n 's/^ *"pieces": \([0-9]*\),*$/\1/p')
piece_length=$("$bin/peerctl" show --json "$work/demo.torrent" |
  sed -n 's/^ *"piece_length": \([0-9]*\),*$/\1/p')

say "Two seeders, each with one half of it, and a third host with nothing"
half_pieces=$((pieces / 2))
half=$((half_pieces * piece_length))
for host in first second third; do mkdir -p "$work/$host/downloads"; done
head -c "$half" "$file" >"$work/first/downloads/$name.part"
truncate -s "$half" "$work/second/downloads/$name.part"
tail -c +$((half + 1)) "$file" >>"$work/second/downloads/$name.part"
declare -A ports
for host in first second third; do
  start_peer "$host"
  ports[$host]=$port
done
# The halves are checked before the clock starts.
for host in first second; do
  cp "$work/demo.torrent" "$work/$host/torrents/"
done
for host in first second; do
  wait_for 120 has_line "$work/$host/log" 'torrent.(checked|seeding)' || fail "$host: not checked"
done
begin=$(now)
cp "$work/demo.torrent" "$work/third/torrents/"
deadline=$((SECONDS + 600))
until has_line "$work/third/log" 'torrent.complete'; do
  [ "$SECONDS" -lt "$deadline" ] || fail "the third host has not completed"
  done_bytes=$(bytes_of third)
  percent=$((${done_bytes:-0} * 100 / (size > 0 ? size : 1)))
  [ "$percent" = "${shown:-}" ] || printf '\rthird host: %3d %%' "$percent"
  shown=$percent
  sleep 0.1
done
swarm_seconds=$(seconds_since "$begin")
printf '\rthird host: 100 %%\n'
cmp "$file" "$work/third/downloads/$name" || fail "the third host's copy differs"
echo "its copy is equal"
for host in first second; do
  wait_for 120 has_line "$work/$host/log" 'torrent.(complete|seeding)' || fail "$host: not complete"
done

say "Where its bytes came from"
# Every connection says in the end what it has moved; so the third host is told to leave.
kill "${pids[-1]}"
wait "${pids[-1]}"
unset 'pids[-1]'
for host in first second; do
  sum=$(awk -v listens="listens=127.0.0.1:${ports[$host]}" '
    / peer\.closed / && index($0, listens " ") {
      for (i = 1; i <= NF; ++i) if (sub(/^received=/, "", $i)) sum += $i
    }
    END { printf "%d", sum }' "$work/third/log")
  echo "$host seeder: $sum bytes"
done

say "The same file by serve and fetch"
"$bin/peerctl" serve "$file" --listen 127.0.0.1:0 2>"$work/serve.log" &
pids+=($!)
wait_for 10 has_line "$work/serve.log" '^serving' || fail "serve has not started"
serve_port=$(sed -n 's/^serving .*:\([0-9]*\)$/\1/p' "$work/serve.log")
begin=$(now)
"$bin/peerctl" fetch "127.0.0.1:$serve_port" -o "$work/fetched" 2>"$work/fetch.log"
fetch_seconds=$(seconds_since "$begin")
cmp "$file" "$work/fetched" || fail "the fetched copy differs"

say "Result"
echo "swarm, every piece verified:  $swarm_seconds s from the drop of the torrent to the complete file"
echo "serve/fetch, nothing checked: $fetch_seconds s"
