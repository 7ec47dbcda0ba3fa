#!/bin/bash
# Programs that know only the original half of the protocol seed to ours, fetch from ours and mix
# with ours, under our tracker and under an original one. None of them is hurt: in each case no
# original reports a `violation`, which is what its program would not survive.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# What the torrent of the next case is made of; the file is called `file`.
source=$work/small/file
piece=4096
pieces=74

# begin CASE KIND: a tracker of that kind (ours, original), its torrent, and no peers yet. Under our
# tracker it is the torrent of peerctl, under the original one that of the original program.
begin() {
  name=$1
  kind=$2
  in_case=("$name.tracker")
  if [ "$kind" = ours ]; then
    start "$name.tracker" "$BIN/trackerd" --set listen=127.0.0.1:0 --set announce_interval=2s \
      --set "log.file=$work/$name.tracker/log" --set "status_file=$work/$name.tracker/status.json"
    tracker=127.0.0.1:$(listening_port "$name.tracker")
    make_torrent "$source" "$work/$name.torrent" --original --piece-length "$piece"
  else
    start "$name.tracker" "$python" "$support/original_tracker.py"
    tracker=127.0.0.1:$(port_in_out "$name.tracker")
    "$python" "$support/original_peer.py" --make "$source" --announce "$tracker" \
      --piece-length "$piece" -o "$work/$name.torrent"
  fi
}

port_in_out() {
  wait_for_line "$work/$1/out" '^listening port=' >&2 && sed -n 's/^listening port=//p' "$work/$1/out"
}

# start_ours PEER [FILE [AS]]: a peerd in $work/CASE.PEER, which has FILE already, as `file` unless
# told; until it has announced.
start_ours() {
  local peer=$name.$1
  in_case+=("$peer")
  mkdir -p "$work/$peer/downloads"
  [ $# = 1 ] || cp "$2" "$work/$peer/downloads/${3:-file}"
  start_peer "$peer"
  drop "$peer" "$work/$name.torrent"
  wait_for_line "$work/$peer/log" ' tracker\.reached '
}

# start_original PEER [FILE [OPTION]...]: one in $work/CASE.PEER, which has FILE already (or what of
# it is good); until it listens, and has announced if it does.
start_original() {
  local peer=$name.$1
  in_case+=("$peer")
  mkdir -p "$work/$peer"
  [ $# = 1 ] || cp "${2:-/dev/null}" "$work/$peer/file"
  start "$peer" "$python" "$support/original_peer.py" --torrent "$work/$name.torrent" \
    --data "$work/$peer/file" --nap 0.1 "${@:3}"
  case " $* " in
    *" --no-tracker "*) wait_for_line "$work/$peer/out" '^listening ' ;;
    *) wait_for_line "$work/$peer/out" '^announced ' ;;
  esac
}

ours_has_it() {
  wait_complete "$name.$1" 30 && cmp "$source" "$work/$name.$1/downloads/file"
}
original_has_it() {
  wait_for_line "$work/$name.$1/out" '^complete ' 30 && cmp "$source" "$work/$name.$1/file"
}

# No original of this case has reported one so far.
nobody_is_hurt() {
  local peer
  for peer in "${in_case[@]}"; do
    ! grep -H '^violation' "$work/$peer/out" || return 1
  done
}

# stop_ours PEER: in order, having left the swarm in the word that an original tracker knows.
stop_ours() {
  local peer=$name.$1
  check_exit "$name: $1 stops in order" 0 stop "$peer"
  [ "$kind" = ours ] || check "$name: and leaves the original tracker" wait_for_line \
    "$work/$name.tracker/out" "^announce ip=127\\.0\\.0\\.1 port=${ports[$peer]} event=completed "
}

# The case is over: ours leave, and the originals see that too.
end_case() {
  local peer
  for peer in "${in_case[@]}"; do
    if [ -n "${ports[$peer]:-}" ] && [ -n "${pids[$peer]:-}" ]; then stop_ours "${peer#"$name".}"; fi
  done
  check "$name: nobody was hurt" nobody_is_hurt
  for peer in "${in_case[@]}"; do
    if [ -n "${pids[$peer]:-}" ]; then stop "$peer" || true; fi
  done
}

mkdir "$work"/{small,big,halves}
random_file 300000 "$source"
random_file 1MiB "$work/big/file"
keep_pieces "$source" "$work/halves/first" "$piece" $(seq 0 40)
keep_pieces "$source" "$work/halves/second" "$piece" $(seq 41 $((pieces - 1)))

# This takes ten seconds, so that it is left alone and looked at again in the end. The second
# original is not in the swarm: nobody but ours can give the first what it has.
begin late ours
start_ours middle "$work/halves/first" file.part
start_original leecher
check "$name: an original gets all that ours has" \
  wait_until 20 has_lines "$work/late.leecher/out" '^got ' 41
check "$name: and then the conversation is closed" \
  wait_for_line "$work/late.leecher/out" '^thread ended reason=eof_at_rest '
start_original source "$source" --no-tracker --peer "127.0.0.1:${ports[late.middle]}"
check "$name: ours completes" ours_has_it middle
late_case=("${in_case[@]}")

same_torrents() {
  diff <("$BIN/peerctl" show "$work/ours.torrent" | grep -v ^tracker) \
    <("$BIN/peerctl" show "$work/original.torrent" | grep -v ^tracker)
}
begin original original
begin ours ours
check "a torrent of peerctl is the same as one of the original program" same_torrents

for kind in ours original; do
  begin "a.$kind" "$kind"
  start_original seeder "$source"
  start_ours leecher
  check "$name: an original seeds to ours" ours_has_it leecher
  [ "$kind" = ours ] || check "$name: which announces again, as a seeder" wait_until 20 has_lines \
    "$work/$name.tracker/out" "^announce .* port=${ports[$name.leecher]} event=started " 2
  end_case

  begin "b.$kind" "$kind"
  start_ours seeder "$source"
  start_original leecher
  check "$name: ours seeds to an original" original_has_it leecher
  end_case

  begin "c.$kind" "$kind"
  start_ours seeder "$source"
  start_original original_seeder "$source"
  start_ours leecher
  start_original original_leecher
  check "$name: in a mixed swarm ours completes" ours_has_it leecher
  check "$name: and the original too" original_has_it original_leecher
  end_case

  begin "d.$kind" "$kind"
  start_original first "$work/halves/first"
  start_original second "$work/halves/second"
  start_ours leecher
  check "$name: ours puts together what two originals have" ours_has_it leecher
  check "$name: while they complete, the first" original_has_it first
  check "$name: and the second" original_has_it second
  end_case

  begin "f.$kind" "$kind"
  start_original corrupt "$source" --corrupt all
  start_ours leecher
  check "$name: a wrong piece is logged" \
    wait_for_line "$work/$name.leecher/log" 'warn piece\.hash_mismatch '
  check "$name: who sends two of them is banned" \
    wait_for_line "$work/$name.leecher/log" 'warn peer\.banned .*reason=hash_mismatch'
  start_ours seeder "$source"
  check "$name: it completes all the same" ours_has_it leecher
  check "$name: after no more than the pieces that were under way" \
    test "$(count_lines "$work/$name.leecher/log" 'piece\.hash_mismatch')" -le 66
  end_case

  source=$work/big/file piece=128
  begin "g.$kind" "$kind"
  start_ours seeder "$source"
  start_original leecher
  check "$name: an original is fetching" \
    wait_until 20 has_lines "$work/$name.leecher/out" '^got ' 20
  stop_ours seeder
  check "$name: not all of it yet" test "$(count_lines "$work/$name.leecher/out" '^complete')" = 0
  check "$name: it hears that ours goes" \
    wait_for_line "$work/$name.leecher/out" '^thread ended reason=server_close '
  end_case

  begin "g2.$kind" "$kind"
  start_original seeder "$source" --delay 0.01
  start_ours leecher
  check "$name: an original is sending" wait_until 20 has_lines "$work/$name.seeder/out" '^sent ' 20
  stop_ours leecher
  check "$name: it hears that ours goes" \
    wait_for_line "$work/$name.seeder/out" '^thread ended reason=server_close '
  end_case
  source=$work/small/file piece=4096
done

name=late kind=ours in_case=("${late_case[@]}")
check "$name: ours dials the original again, and so that completes too" original_has_it leecher
redials() { sed -n 's/^redial seconds_since=\([^ ]*\) .*/\1/p' "$work/late.leecher/out"; }
check "$name: not twice in ten seconds" \
  test "$(redials | awk '$1 < 9.9 { early++ } END { print early + 0 }')" -le 1
end_case
finish
