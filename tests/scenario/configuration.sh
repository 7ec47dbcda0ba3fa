#!/bin/bash
# What an operator writes, and what peerd makes of it: defaults, mistakes, overrides, reload, rotation.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

config=$here/../../config
peerd=$BIN/peerd
cd "$work"

dump() { "$peerd" --dump-config "$@"; }
# With a paragraph before it.
is_dump() { diff <(sed '1,/^$/d' "$config/$1.yaml") <("$BIN/$1" --config /dev/null --dump-config); }

for daemon in peerd trackerd; do
  check "config/$daemon.yaml states just the defaults" is_dump "$daemon"
done
check "config/local/peerd.yaml is fine" "$peerd" --test-config --config "$config/local/peerd.yaml"
dump --config "$config/local/peerd.yaml" >dumped.yaml
check "what --dump-config prints loads back to the same" \
  diff <(dump --config dumped.yaml) dumped.yaml

# says MISTAKE YAML PATTERN: exit 78, and the pattern in what is printed.
says() {
  local mistake=$1 yaml=$2 pattern=$3 status=0
  printf '%b' "$yaml" >bad.yaml
  "$peerd" --test-config --config bad.yaml >said 2>&1 || status=$?
  check "$mistake stops the start with 78" test "$status" = 78
  check "$mistake is named with file, line and column" grep -Eq "$pattern" said
}
says "an unknown key" 'rescan_intervall: 3s\n' '^bad.yaml:1:1: rescan_intervall: .*rescan_interval'
says "a duplicate key" 'watch_dir: a\nwatch_dir: b\n' '^bad.yaml:2:1: watch_dir: '
says "a wrong type" 'listen: 5555\n' '^bad.yaml:1:9: listen: '
says "a value out of range" 'max_connections: 0\n' '^bad.yaml:1:18: max_connections: '
says "a syntax error" 'log: {file: x\n' '^bad.yaml:[0-9]+:[0-9]+: '
says "a group that is not there" 'group: no-such-group-here\n' '^bad.yaml:1:8: group: .*no-such-group-here'
says "an address that is none" 'announce_address: example\n' '^bad.yaml:1:19: announce_address: '
says "a file of TLS that is not there" 'tls: {ca: /x, certificate: /x, key: /x}\n' '^bad.yaml:1:11: tls.ca: /x: No such file'
says "a part of TLS" '\ntls:\n  ca: /x\n' '^bad.yaml:3:7: tls.certificate: missing'
says "the configuration as status_file" "status_file: $PWD/bad.yaml\n" '^bad.yaml:1:14: status_file: is the configuration'
says "the configuration as metrics_file" 'metrics_file: ./bad.yaml\n' '^bad.yaml:1:15: metrics_file: is the configuration'
says "the configuration as log" 'log: {file: bad.yaml}\n' '^bad.yaml:1:13: log.file: is the configuration'
says "one file for two" 'status_file: x\nmetrics_file: ./x\n' '^bad.yaml:2:15: metrics_file: .*status_file'
check_exit "the tracker looks at them too" 78 "$BIN/trackerd" --test-config --config /dev/null \
  --set status_file=x --set log.file=x
says "a directory as metrics_file" "metrics_file: $PWD\n" '^bad.yaml:1:15: metrics_file: is a directory'
says "an endpoint that stands there twice" 'listen: ["127.0.0.1:5555", "127.0.0.1:5555"]\n' '^bad.yaml:1:28: listen: .*twice'
says "an address of nobody" 'announce_address: 0.0.0.0\n' '^bad.yaml:1:19: announce_address: '
says "half a watermark" 'watermark: {high: 1GiB}\n' '^bad.yaml:1:19: watermark.high: .*watermark.low'
says "one directory for two" 'state_dir: x\nwatch_dir: x\n' '^bad.yaml:1:12: state_dir: is the same directory as watch_dir'
says "a mode that shuts the daemon out" 'file_mode: 0\n' '^bad.yaml:1:12: file_mode: '
check_exit "a missing --config file is an error" 78 "$peerd" --test-config --config nowhere.yaml
check_exit "an unknown flag is an error of usage" 64 "$peerd" --no-such-flag
check_exit "--set without = is an error of usage" 64 "$peerd" --set listen
check_exit "--help exits 0" 0 "$peerd" --help
check_exit "--version exits 0" 0 "$peerd" --version
check_exit "an address that is taken exits 69" 69 timeout 10 "$peerd" --set listen=192.0.2.1:1 \
  --set watch_dir=t --set download_dir=d --set state_dir=s --set status_file=st --set log.file=-
touch file
check_exit "a log that cannot be made exits 73" 73 timeout 10 "$peerd" --set listen=127.0.0.1:0 \
  --set watch_dir=t --set download_dir=d --set state_dir=s --set log.file=file/log
for key in watch_dir download_dir state_dir; do
  check_exit "a $key that cannot be made exits 73" 73 timeout 10 "$peerd" --set listen=127.0.0.1:0 \
    --set watch_dir=t --set download_dir=d --set state_dir=s --set status_file=st --set log.file=- \
    --set "$key=file/d"
done

# What the daemon writes takes the place of its own files only.
echo "my precious notes" >precious
for key in status_file metrics_file; do
  check_exit "a $key that is somebody's file exits 73" 73 timeout 10 "$peerd" --set listen=127.0.0.1:0 \
    --set watch_dir=t --set download_dir=d --set state_dir=s --set status_file=st --set log.file=- \
    --set "$key=precious"
  cp check.out said
  check "and says what is there" grep -q 'replace precious, .* begins with "my precious' said
  check "which stays" grep -q notes precious
done

# A running daemon takes the log level from a reload, and keeps what it has when the file is broken.
mkdir -p peer
cat >peer.yaml <<END
listen: ["127.0.0.1:0"]
watch_dir: $work/peer/torrents
download_dir: $work/peer/downloads
state_dir: $work/peer/state
status_file: $work/peer/status.json
log: {file: $work/peer/log, level: info}
END
start peer "$peerd" --config peer.yaml
check "it starts from its file" listening_port peer
sed -i 's/level: info/level: debug/' peer.yaml
kill -HUP "${pids[peer]}"
check "HUP takes over a new log level" wait_for_line peer/log 'config.reloaded changed=log.level'
cp peer.yaml sound.yaml
echo 'log: {level: loud}' >peer.yaml
kill -HUP "${pids[peer]}"
check "a broken file is reported and changes nothing" \
  wait_for_line peer/log 'config.rejected reason=.*log.level'
echo 'group: no-such-group-here' >peer.yaml
kill -HUP "${pids[peer]}"
check "as is what only the daemon can tell" \
  wait_for_line peer/log 'config.rejected reason="peer.yaml:1:8: group: there is no group'
mv peer/log peer/log.1
kill -USR1 "${pids[peer]}"
check "USR1 opens the log anew" wait_until 5 test -e peer/log
kill -KILL "${pids[peer]}"
stop peer || true
check "a daemon that is killed leaves its status file" test -e peer/status.json
mv peer/log peer/log.2
start peer "$peerd" --config sound.yaml
check "which the next one takes over" wait_for_line peer/log ' peer.started '
listening_port peer >/dev/null
check "as its own" wait_until 5 grep -q "\"pid\": ${pids[peer]}" peer/status.json
check_exit "it exits 0 on TERM" 0 stop peer
check "the last words are in the new log" grep -q ' peer.stopped ' peer/log
check "the status file is gone with it" test ! -e peer/status.json
finish
