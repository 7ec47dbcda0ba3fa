#!/bin/bash
# Of three peers one sends wrong pieces, of four three do, of the right length; and one that comes
# again under other names. The file is right, little is thrown away, and who lied is banned by name.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=64
piece_length=65536

# seed NAME ADDRESS FILE
seed() {
  address=$2 start_peer "$1" --set upload_limit=2MiB --set announce_address="$2"
  cp "$3" "$work/$1/downloads/file.bin"
  drop "$1" "$work/file.torrent"
  wait_for_line "$work/$1/log" 'torrent\.seeding '
}
# A seeder whose disk has changed under it: a byte in every piece, and the times are as before.
lie() {
  local file=$work/$1/downloads/file.bin
  cp -p "$file" "$work/before"
  cat "$work/wrong.bin" >"$file"
  touch -r "$work/before" "$file"
}
banned() { wait_for_line "$1" " peer\.banned peer=$2:[0-9]+ .*reason=hash_mismatch" 5; }
wasted() { status_value "$1" file.bin wasted; }

# A liar is banned after its second wrong piece, whatever is on its way then, on each of the two
# connections that it may have. In the end as many may have been asked of two.
most_wasted() { echo $(($1 * (2 * 2 + 4) * piece_length)); }
wasted_little() {
  echo "# wasted $(wasted "$1") bytes, at most $2" >>"$work/notes"
  [ "$(wasted "$1")" -le "$2" ]
}

# among LEECHER LIARS HONEST: addresses of seeders that are told of to a new leecher.
among() {
  local name=$1 liar log=$work/$1/log
  start_peer "$name"
  drop "$name" "$work/file.torrent"
  check "$name completes" wait_complete "$name" 20
  check "its copy is equal" cmp "$work/file.bin" "$work/$name/downloads/file.bin"
  for liar in $2; do
    check "$liar was banned" banned "$log" "$liar"
    check "and each wrong piece of it logged" has_lines "$log" "piece\.hash_mismatch peer=$liar:.* piece=[0-9]+$" 2
  done
  check "nobody else was" test "$(grep ' peer\.banned ' "$log" | grep -Evc " peer=127\.9\.0\.[1-3]:")" = 0
  wait_until 5 has_status "$name" file.bin state seeding
  check "little was thrown away" wasted_little "$name" "$(most_wasted "$(wc -w <<<"$2")")"
  check_exit "it stops in time" 0 stop_in_time "$name"
}

# Everyone dials from 127.0.0.1, whatever it listens at.
start_tracker --set announce_interval=1h --set 'trust_ip_from=["127.0.0.0/8"]'
random_file $((pieces * piece_length)) "$work/file.bin"
"$python" -c 'import sys
data, length = bytearray(open(sys.argv[1], "rb").read()), int(sys.argv[2])
for at in range(0, len(data), length): data[at + 999] ^= 0x55
open(sys.argv[3], "wb").write(data)' "$work/file.bin" "$piece_length" "$work/wrong.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length "$piece_length"

for number in 1 2 3; do seed "liar$number" "127.9.0.$number" "$work/file.bin"; done
for number in 1 2; do seed "honest$number" "127.9.1.$number" "$work/file.bin"; done
for number in 1 2 3; do lie "liar$number"; done

echo "# three of four lie"
stop_in_time honest2
among one_of_four "127.9.0.1 127.9.0.2 127.9.0.3"
echo "# one of three lies"
stop_in_time liar2
stop_in_time liar3
seed honest2 127.9.1.2 "$work/file.bin"
among two_of_three 127.9.0.1

echo "# one that has many names"
stop_in_time liar1
for number in 1 2; do stop_in_time "honest$number"; done
hash=$(hash_of "$work/file.torrent")
start_peer victim
drop victim "$work/file.torrent"
wait_for_line "$work/victim/log" 'torrent\.downloading '
start names "$python" "$support/lying_peer.py" --from 127.9.2.1 --names 20 --pieces "$pieces" \
  --piece-length "$piece_length" "$address:${ports[victim]}" "$hash"
check "it lies under twenty names" wait_for_line "$work/names/out" '^over ' 60
cat "$work/names/out"
check "each is banned until the address is" test "$(count_lines "$work/victim/log" ' peer\.banned peer=127\.9\.2\.1:')" = 8
check "which the others are told" \
  test "$(count_lines "$work/victim/log" ' peer\.closed peer=127\.9\.2\.1:.* reason=banned received=0|peer=127\.9\.2\.1:.* received=0 .*reason=banned')" -ge 12
has_wasted() { [ "$(wasted victim)" -ge "$1" ]; }
check "what was thrown away is told" wait_until 5 has_wasted $((8 * piece_length))
check "little was thrown away" wasted_little victim $((8 * 2 * piece_length))
seed honest1 127.9.1.1 "$work/file.bin"
check "with an honest one it completes" wait_complete victim 30
check "its copy is equal" cmp "$work/file.bin" "$work/victim/downloads/file.bin"
check_exit "it stops in time" 0 stop_in_time victim
cat "$work/notes"
finish
