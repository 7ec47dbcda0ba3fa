#!/bin/bash
# The figures for Prometheus: what the two metrics files say, their form, and when they come and go.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$work"

format() { "$python" "$support/metrics_format.py" "$@"; }
# has_value NAME FILE VALUE FAMILY [KEY=VALUE]...: for wait_until.
has_value() { [ "$(format "$1" "${@:3}" 2>/dev/null)" = "$2" ]; }
# well_formed FILE
well_formed() { format "$1" && { ! command -v promtool >/dev/null || promtool check metrics <"$1"; }; }
fails() { ! "$@" 2>/dev/null; }

# The parser itself refuses what is wrong, one thing at a time.
head=$'# HELP a A.\n# TYPE a gauge\n'
printf '%sa{x="\\\\ \\" \\n ö",y="2"} 1\na 2\n' "$head" >good.prom
check "the parser reads what is right" format good.prom
check "and the escapes in it" test "$(format good.prom a 'x=\ " '$'\n'' ö')" = 1
for bad in \
  "${head}a 1" "${head}a 1.5"$'\n' "${head}a 1 1700000000"$'\n' "${head}a -1"$'\n' "${head}a"$'\n' \
  "${head}b 1"$'\n' $'a 1\n' $'# TYPE a gauge\na 1\n' $'# HELP a A.\na 1\n' "$head" $'# HELP a\n# TYPE a gauge\na 1\n' \
  "${head}a 1"$'\n'"a 2"$'\n' "${head}a 1"$'\n'"$head"$'a{x="1"} 1\n' "${head}a{} 1"$'\n' "${head}a{x=\"1} 1"$'\n' \
  "${head}a{x=\"\"\"} 1"$'\n' "${head}a{x=\"\\q\"} 1"$'\n' "${head}a{x=1} 1"$'\n' "${head}a{x=\"1\",} 1"$'\n' \
  "${head}a{x=\"1\",x=\"2\"} 1"$'\n' "${head}a{2x=\"1\"} 1"$'\n' "${head}a{x=\"1\"y=\"2\"} 1"$'\n' \
  "${head}a{x=\"1\",y=\"2\"} 1"$'\n'"a{y=\"2\",x=\"1\"} 1"$'\n' "${head}a{x=\""$'\xff'"\"} 1"$'\n' "$head"$'\na 1\n' \
  $'# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n' $'# HELP a A.\n# TYPE a counter\na 1\n' \
  $'# HELP a A.\n# TYPE a untyped\na 1\n'; do
  printf '%s' "$bad" >bad.prom
  check "but not ${bad@Q}" fails format bad.prom
done

name='a "b" \c Größe 映画.bin'
start_tracker --set "metrics_file=$work/tracker/metrics.prom"
random_file 1MiB "$name"
make_torrent "$name" file.torrent
cat >seeder.yaml <<ENDED
listen: ["127.0.0.1:0"]
watch_dir: $work/seeder/torrents
download_dir: $work/seeder/downloads
state_dir: $work/seeder/state
status_file: $work/seeder/status.json
metrics_file: $work/seeder/some/metrics.prom
log: {file: $work/seeder/log}
ENDED
mkdir -p seeder/torrents seeder/downloads
cp "$name" seeder/downloads/
start seeder "$BIN/peerd" --config seeder.yaml
port=$(listening_port seeder)
metrics=$work/seeder/some/metrics.prom
check "it is there when the daemon is" test -e "$metrics"
check "readable by all, whatever the umask" test "$(stat -c %a "$metrics")" = 644
check "without torrents it is well formed" well_formed "$metrics"
drop seeder file.torrent
check "a torrent is counted" wait_until 20 has_value "$metrics" 1 piecework_peer_torrents state=seeding
check "it has figures of its own, under its name" \
  has_value "$metrics" 1048576 piecework_peer_torrent_held_bytes "name=$name" "port=$port"
check "with such a name it is well formed" well_formed "$metrics"

start_peer leecher --set "metrics_file=$work/leecher/metrics.prom"
check "a peerd can be told from another one by its port" \
  test "$(format "$work/leecher/metrics.prom" piecework_peer_connections "port=${ports[leecher]}")" = 0
drop leecher file.torrent
check "the leecher completes" wait_complete leecher
check "what came is counted" wait_until 5 has_value leecher/metrics.prom 1048576 piecework_peer_received_bytes_total
check "and what was sent" wait_until 5 has_value "$metrics" 1048576 piecework_peer_sent_bytes_total
check "of the torrent too" has_value "$metrics" 1048576 piecework_peer_torrent_sent_bytes_total "name=$name"
check "the leecher's is well formed" well_formed leecher/metrics.prom
rm seeder/torrents/file.torrent
check "a removed torrent has no figures" wait_until 10 fails format "$metrics" piecework_peer_torrent_state
check "but what it has moved stays counted" has_value "$metrics" 1048576 piecework_peer_sent_bytes_total
check "no torrents are left" has_value "$metrics" 0 piecework_peer_torrents state=seeding

"$python" "$support/ask_tracker.py" "$address" "${ports[tracker]}" '{"port": 1}' >answer
check "the tracker counts what it refuses, by reason" \
  wait_until 5 has_value tracker/metrics.prom 1 piecework_tracker_refused_total reason=bad_request
check "its swarms" has_value tracker/metrics.prom 1 piecework_tracker_swarms "port=${ports[tracker]}"
check "and announces" test "$(format tracker/metrics.prom piecework_tracker_announces_total)" -ge 4
check "all well formed" well_formed tracker/metrics.prom
command -v promtool >/dev/null || echo "skip - promtool is not installed, and cannot look at them as well"

# The families that are there, with the one that only TLS adds, which tls.sh looks at; and those that
# the manual and README name.
families() {
  { sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' "$1" && echo "$2_certificate_expiry_timestamp_seconds"; } | sort
}
named() { grep -ohE 'piecework_[a-z]+_[a-z_]+' "$@" | sort -u; }
root=$here/../..
check "peerd(8) lists just the families of peerd" \
  diff <(families leecher/metrics.prom piecework_peer) <(named "$root/config/man/peerd.8")
check "trackerd(8) just those of trackerd" \
  diff <(families tracker/metrics.prom piecework_tracker) <(named "$root/config/man/trackerd.8")
check "README.md all of them" \
  diff <(sort <(families leecher/metrics.prom piecework_peer) <(families tracker/metrics.prom piecework_tracker)) <(named "$root/README.md")

# Reload.
sed -i "s|^metrics_file:.*|metrics_file: $work/seeder/other.prom|" seeder.yaml
kill -HUP "${pids[seeder]}"
check "HUP moves it" wait_for_line seeder/log 'config.reloaded changed=metrics_file needs_restart=""'
check "the new one is there" well_formed seeder/other.prom
check "the old one is not" test ! -e "$metrics"
sed -i "s|^metrics_file:.*|metrics_file: $work/answer/x.prom|" seeder.yaml
kill -HUP "${pids[seeder]}"
check "one that cannot be made is refused" wait_for_line seeder/log 'config.rejected reason=.*answer'
check "and nothing changes" test -e seeder/other.prom
sed -i 's|^metrics_file:.*|metrics_file: ""|' seeder.yaml
kill -HUP "${pids[seeder]}"
check "an empty key takes it away" wait_until 5 test ! -e seeder/other.prom

check_exit "a file that cannot be made stops the start with 73" 73 timeout 10 "$BIN/trackerd" \
  --set listen=127.0.0.1:0 --set log.file=- --set "status_file=$work/s.json" --set "metrics_file=$work/answer/x.prom"
check "and leaves no status file" test ! -e s.json
for daemon in leecher tracker; do
  check_exit "the $daemon exits 0 on TERM" 0 stop $daemon
  check "its metrics go with it" test ! -e $daemon/metrics.prom
done
check "and leave nothing behind" test -z "$(find . -name '.piecework*')"
stop seeder
finish
