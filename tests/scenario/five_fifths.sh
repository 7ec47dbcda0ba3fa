#!/bin/bash
# Five hosts with random fifths of the pieces, each with some that others have too; together they
# have all, and so in the end has each.
#
#   SEED  of the random choice (default: from the clock; it is printed)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

pieces=500
piece_length=32768
hosts=(one two three four five)
seed=${SEED:-$(date +%s%N)}
echo "# SEED=$seed"

start_tracker
random_file $((pieces * piece_length - 1000)) "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent" --piece-length "$piece_length"

# A line of piece numbers for each host: every piece has one owner, and a tenth has a second one.
"$python" -c 'import random, sys
random.seed(int(sys.argv[1]))
hosts, pieces = int(sys.argv[2]), int(sys.argv[3])
held = [set() for _ in range(hosts)]
for piece in range(pieces):
    for host in random.sample(range(hosts), 2 if random.random() < 0.1 else 1):
        held[host].add(piece)
for numbers in held: print(*sorted(numbers))' "$seed" "${#hosts[@]}" "$pieces" >"$work/held"

number=0
for name in "${hosts[@]}"; do
  number=$((number + 1))
  start_peer "$name"
  read -ra held < <(sed -n "${number}p" "$work/held")
  keep_pieces "$work/file.bin" "$work/$name/downloads/file.bin.part" "$piece_length" "${held[@]}"
  drop "$name" "$work/file.torrent"
done
number=0
for name in "${hosts[@]}"; do
  number=$((number + 1))
  had=$(sed -n "${number}p" "$work/held" | wc -w)
  check "$name completes" wait_complete "$name"
  check "its copy is equal" cmp "$work/file.bin" "$work/$name/downloads/file.bin"
  check "it began with its $had pieces" \
    test "$(value_of "$work/$name/log" torrent.downloading has)" = "$had"
done
for name in "${hosts[@]}"; do check "$name stops in time" stop_in_time "$name"; done
finish
