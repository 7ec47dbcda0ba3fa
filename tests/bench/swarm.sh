# shellcheck shell=bash
# A swarm on the hosts of hosts.sh, sourced after it: `seeders` of them have $work/file.bin, the ones
# after them get it by $work/file.torrent. Every daemon is new, so that nothing is left of a run.

: "${work:?lib.sh comes first}"
seeders=1

seeder_names() { seq -f 'seeder%g' "$seeders"; }
leecher_names() { seq -f 'leecher%g' "$1"; }
host_of_leecher() { echo $((seeders + $1)); }

# start_seeders: with the file checked, and announced.
start_seeders() {
  local i
  for i in $(seq "$seeders"); do
    place "seeder$i" "$i"
    start_peer "seeder$i"
    ln "$work/file.bin" "$work/seeder$i/downloads/file.bin"
    drop "seeder$i" "$work/file.torrent"
  done
  for i in $(seq "$seeders"); do wait_for_line "$work/seeder$i/log" 'tracker\.reached'; done
}

# start_leechers COUNT [LOG_LEVEL]: running, with the torrent ready to be moved in.
start_leechers() {
  local i
  for i in $(seq "$1"); do
    place "leecher$i" "$(host_of_leecher "$i")"
    start_peer "leecher$i" --set "log.level=${2:-info}"
    cp "$work/file.torrent" "$work/leecher$i/.staged"
  done
}

# drop_everywhere COUNT: sets $dropped to the moment before the first.
drop_everywhere() {
  local i
  # shellcheck disable=SC2034 # for the benches
  dropped=$(now)
  for i in $(seq "$1"); do
    mv "$work/leecher$i/.staged" "$work/leecher$i/torrents/file.torrent"
  done
}

# wait_everywhere COUNT: until the first so many have the file; how many seconds after $dropped each had
# it stands in $work/times, a line each.
wait_everywhere() {
  local i
  for i in $(seq "$1"); do
    wait_for_file "$work/leecher$i/downloads/file.bin" 600 || not_ok "leecher$i has not completed"
  done
  for i in $(seq "$1"); do
    wait_complete "leecher$i"
    calculate "$(log_time "leecher$i" torrent.complete) - $dropped"
    echo
  done >"$work/times"
  for i in $(seq "$1"); do
    cmp -s "$work/file.bin" "$work/leecher$i/downloads/file.bin" || not_ok "leecher$i has something else"
  done
}

# end_all NAME...: all at once, without the shell's word on each.
end_all() {
  local name
  # shellcheck disable=SC2154 # of the scenarios
  for name; do kill -KILL "${pids[$name]}" 2>/dev/null || true; done
  for name; do
    stop "$name" || true
    rm -r "${work:?}/$name"
  done
} 2>/dev/null

# sent_by NAME...: bytes that their hosts have sent so far, all headers included.
sent_by() {
  local name sent total=0
  for name; do
    read -r sent _ < <(traffic "$name")
    total=$((total + sent))
  done
  echo "$total"
}
