#!/bin/bash
# The experiment "client/server against swarm": one file to 1, 2, 4, 8 and 16 hosts, by peerctl
# serve/fetch and by trackerd and peerd, over links of a given rate and over unlimited ones, from one
# and from two hosts that have it at first. Writes a CSV with every run, prints the medians beside what
# theory allows, and draws two plots, if gnuplot is there: the time until the last host has the file, and
# what those that had it first had to send.
#
#   scripts/compare_cs_p2p.sh [--size 64MiB] [--hosts "1 2 4 8 16"] [--rate MBIT] [--runs N] [--out DIR]
#   scripts/compare_cs_p2p.sh --draw [--out DIR]     table and plots again, from the CSV in DIR
#
# DIR is scripts/plots unless given. Each host is a network namespace, so this needs root.
#
# Bounds, with F the size, B what one plain TCP stream carries over such a link (measured at the start),
# N the hosts that want the file and S those that have it:
#   client/server   ceil(N / S) * F / B             each server's link carries the file once a client
#   swarm           max(F / B, F / (S * B), N * F / ((S + N) * B))
#                                                   a link down, the links of S, all links up together
# Unlimited links have none: there it is the processors, which all hosts share, that set the time.
# shellcheck source=../tests/bench/lib.sh
. "$(dirname "$0")/../tests/bench/lib.sh"
# shellcheck source=../tests/bench/hosts.sh
. "$(dirname "$0")/../tests/bench/hosts.sh"
# shellcheck source=../tests/bench/swarm.sh
. "$(dirname "$0")/../tests/bench/swarm.sh"

size=64MiB wanted="1 2 4 8 16" rate=100 runs=1 draw=""
out=$(dirname "$0")/plots
while [ $# -gt 0 ]; do
  case $1 in
    --size) size=$2 ;;
    --hosts) wanted=$2 ;;
    --rate) rate=$2 ;;
    --runs) runs=$2 ;;
    --out) out=$2 ;;
    --draw) draw=1 ;;
    *) exit 64 ;;
  esac
  case $1 in --draw) shift ;; *) shift 2 ;; esac
done
csv=$out/compare_cs_p2p.csv

# --- measuring --------------------------------------------------------------------------------------

# start_servers: as many as there are seeders, in the same hosts.
start_servers() {
  local i
  for i in $(seq "$seeders"); do
    place "server$i" "$i"
    start "server$i" "$BIN/peerctl" serve "$work/file.bin" --listen "$(address_of "$i"):6665"
  done
  for i in $(seq "$seeders"); do wait_for_line "$work/server$i/out" ' on [0-9.]*:6665$'; done
}

# run_cs HOSTS: every host fetches at once, each from one of the servers in turn. Sets $seconds, $sent.
run_cs() {
  local i from before servers
  servers=$(seq -f 'server%g' "$seeders")
  start_servers
  # shellcheck disable=SC2086 # words
  before=$(sent_by $servers)
  from=$(now)
  for i in $(seq "$1"); do
    place "client$i" "$(host_of_leecher "$i")"
    start "client$i" "$BIN/peerctl" fetch "$(address_of $(((i - 1) % seeders + 1))):6665" -o "$work/client$i.bin"
  done
  for i in $(seq "$1"); do
    wait "${pids[client$i]}" || not_ok "client$i failed"
    unset "pids[client$i]"
  done
  seconds=$(calculate "$(now) - $from")
  # shellcheck disable=SC2086
  sent=$(($(sent_by $servers) - before))
  for i in $(seq "$1"); do
    cmp -s "$work/file.bin" "$work/client$i.bin" || not_ok "client$i has something else"
    rm "$work/client$i.bin"
  done
  # shellcheck disable=SC2086
  end_all $servers
}

# run_swarm HOSTS: every host gets the torrent at once. Sets $seconds, $sent.
run_swarm() {
  local before
  start_seeders
  start_leechers "$1"
  # shellcheck disable=SC2046 # words
  before=$(sent_by $(seeder_names))
  drop_everywhere "$1"
  wait_everywhere "$1"
  # shellcheck disable=SC2046
  sent=$(($(sent_by $(seeder_names)) - before))
  seconds=$(sort -g "$work/times" | tail -n 1)
  # shellcheck disable=SC2046
  end_all $(leecher_names "$1") $(seeder_names)
}

# bound METHOD HOSTS: seconds, as above; 0 where there is none.
bound() {
  awk -v method="$1" -v n="$2" -v s="$seeders" -v one="$one_stream" 'BEGIN {
    if (method == "cs") { print int((n + s - 1) / s) * one; exit }
    most = 1
    if (1 / s > most) most = 1 / s
    if (n / (s + n) > most) most = n / (s + n)
    print most * one }'
}

# measure_link MBIT: all cases over such links, to the CSV.
measure_link() {
  local link=$1 run count method
  hosts_up $((2 + $(tr ' ' '\n' <<<"$wanted" | sort -n | tail -n 1))) "$link"
  place tracker 0
  unset 'ports[tracker]'
  start_tracker
  make_torrent "$work/file.bin" "$work/file.torrent"
  one_stream=0
  [ "$link" = 0 ] || one_stream=$(plain_stream 1 2 "$work/file.bin")
  for seeders in 1 2; do
    for count in $wanted; do
      for run in $(seq "$runs"); do
        for method in cs swarm; do
          "run_$method" "$count"
          echo "$link,$method,$seeders,$count,$run,$bytes,$seconds,$sent,$(bound "$method" "$count")" >>"$csv"
          echo "# $link Mbit/s, $method, from $seeders to $count: $seconds s" >&2
        done
      done
    done
  done
  stop tracker || true
  hosts_down
}

measure() {
  need_hosts
  [ -x "$BIN/bench/limit" ] || skip "$BIN/bench/limit is not built (make bench-programs)"
  mkdir -p "$out"
  random_file "$size" "$work/file.bin"
  bytes=$(stat -c %s "$work/file.bin")
  echo "link_mbit,method,holders,hosts,run,file_bytes,seconds,holders_sent_bytes,bound_seconds" >"$csv"
  measure_link "$rate"
  measure_link 0
}

# --- showing ----------------------------------------------------------------------------------------

# medians: "link method holders hosts seconds files_sent bound", a line each, of the CSV.
medians() {
  tail -n +2 "$csv" | tr ',' ' ' | awk '
    { key = $1 " " $2 " " $3 " " $4; count[key]++
      seconds[key, count[key]] = $7; sent[key, count[key]] = $8 / $6; bound[key] = $9 }
    function middle(values, key,   n, i, j, t, v) {
      n = count[key]
      for (i = 1; i <= n; i++) v[i] = values[key, i]
      for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
      return (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2
    }
    END { for (key in count) print key, middle(seconds, key), middle(sent, key), bound[key] }' |
    sort -k1,1nr -k3,3n -k4,4n -k2,2
}

# The table, in the form that README takes.
show_table() {
  echo "| link | from | hosts | C/S: s | bound | swarm: s | bound | C/S: files sent | swarm: files sent |"
  echo "|---|---|---|---|---|---|---|---|---|"
  awk '
    $2 == "cs" { seconds = $5; sent = $6; limit = $7 }
    $2 == "swarm" {
      link = $1 ? $1 " Mbit/s" : "unlimited"
      printf "| %s | %d | %d | %.2f | %s | %.2f | %s | %.2f | %.2f |\n", link, $3, $4, seconds, \
        $1 ? sprintf("%.2f", limit) : "–", $5, $1 ? sprintf("%.2f", $7) : "–", sent, $6
    }' "$work/medians"
}

# series LINK METHOD HOLDERS: its medians in a file for gnuplot, whose name is printed.
series() {
  local file=$work/series.$1.$2.$3
  awk -v link="$1" -v method="$2" -v holders="$3" \
    '$1 == link && $2 == method && $3 == holders { print $4, $5, $6, $7 }' "$work/medians" >"$file"
  echo "$file"
}

# plot NAME COLUMN LABEL TITLE: two panels, limited links and unlimited ones.
plot() {
  local link links panel bounds
  mapfile -t links < <(cut -d' ' -f1 "$work/medians" | sort -rnu)
  {
    echo "set terminal svg size 960,400 background 'white' font 'sans,12'"
    echo "set output '$out/$1.svg'"
    echo "set multiplot layout 1,2 title '$4'"
    echo "set key top left; set grid; set xlabel 'hosts that want the file'; set ylabel '$3'"
    echo "set logscale x 2; set yrange [0:*]"
    for link in "${links[@]}"; do
      panel="links of $link Mbit/s"
      bounds=", '$(series "$link" cs 1)' using 1:4 with lines dashtype 2 linecolor 'gray50' title 'bound C/S, 1'"
      bounds+=", '$(series "$link" swarm 1)' using 1:4 with lines dashtype 3 linecolor 'gray50' title 'bound swarm'"
      if [ "$link" = 0 ]; then panel="unlimited links"; fi
      if [ "$link" = 0 ] || [ "$2" != 2 ]; then bounds=""; fi
      echo "set title '$panel'"
      echo "plot '$(series "$link" cs 1)' using 1:$2 with linespoints linecolor 'dark-orange' title 'C/S, 1 server'," \
        "'$(series "$link" cs 2)' using 1:$2 with linespoints linecolor 'gold' title 'C/S, 2 servers'," \
        "'$(series "$link" swarm 1)' using 1:$2 with linespoints linecolor 'navy' title 'swarm, 1 seed'," \
        "'$(series "$link" swarm 2)' using 1:$2 with linespoints linecolor 'skyblue' title 'swarm, 2 seeds'$bounds"
    done
  } | gnuplot
}

show() {
  [ -s "$csv" ] || skip "there is no $csv"
  medians >"$work/medians"
  show_table
  if [ -z "$(type -P gnuplot)" ]; then
    echo "no plots: there is no gnuplot (apt-get install gnuplot-nox)" >&2
    return
  fi
  size_text=$(awk -F, 'NR == 2 { printf "%d MiB", $6 / 1048576 }' "$csv")
  plot compare_seconds 2 "seconds until the last host has it" "$size_text to N hosts: time"
  plot compare_sent 3 "files sent by those that had it" "$size_text to N hosts: what the first holders send"
  echo "drawn: $out/compare_seconds.svg $out/compare_sent.svg" >&2
}

[ -n "$draw" ] || measure
show
finish
