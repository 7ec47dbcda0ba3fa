#!/bin/bash
# What systemd.sh checks on the system that it boots: runs there as root, from /piecework/scenario.
export BIN=/usr/sbin
# shellcheck source=../scenario/lib.sh
. "$(dirname "$0")/lib.sh"

state=/var/lib/piecework
log=/var/log/piecework/peerd/peerd.log
journal() {
  journalctl --sync
  journalctl -q --no-pager -u "$1" -o cat
}
in_journal() { journal "$1" | grep -Eq -- "$2"; }
property() { systemctl show -P "$2" "$1"; }
is_active() { systemctl is-active --quiet "$1"; }
is_inactive() { ! systemctl is-active --quiet "$1"; }
restarts() { [ "$(property "$1" NRestarts)" -ge "$2" ] && is_active "$1"; }
as_member() { runuser -u member -- bash -c "umask 077; $1"; }
fails() { ! "$@" 2>/dev/null; }
install_package() { dpkg --no-triggers -i /piecework/piecework.deb; }

# Installing.
check "dpkg installs the package" install_package
for unit in peerd trackerd; do check "which does not start $unit" is_inactive $unit; done
cp "/lib/systemd/system/peerd@.service" "/run/peerd@verified.service"
said=$(systemd-analyze verify /lib/systemd/system/{trackerd,peerd}.service /run/peerd@verified.service 2>&1 || true)
check "systemd has nothing to say about the units${said:+: $said}" test -z "$said"
useradd --create-home --groups piecework member
useradd --create-home stranger

# A tracker, a peer, and a second peer that has the file.
check "the tracker starts" systemctl start trackerd
check "the peer starts" systemctl start peerd
sed 's/NAME/seed/g' /usr/share/doc/piecework/examples/peerd-instance.yaml >/etc/piecework/peerd-seed.yaml
check "so does a second one from the example" systemctl start peerd@seed
check "each is a user of its own" test \
  "$(stat -c %U "/proc/$(property trackerd MainPID)") $(stat -c %U "/proc/$(property peerd MainPID)")" \
  = "piecework-tracker piecework-peer"
random_file 3MiB "$work/file.bin"
tracker=127.0.0.1:6666
BIN=/usr/bin make_torrent "$work/file.bin" "$work/file.bin.torrent"
install -o piecework-peer "$work/file.bin" $state/peerd-seed/downloads/
install -o piecework-peer "$work/file.bin.torrent" $state/peerd-seed/torrents/.dropping
mv $state/peerd-seed/torrents/{.dropping,file.bin.torrent}
chmod 755 "$work"
chmod 644 "$work/file.bin.torrent"

# A member of the group drops the torrent.
check "the file is not there yet" test ! -e $state/peerd/downloads/file.bin
check "who is no member cannot drop it" \
  fails runuser -u stranger -- cp "$work/file.bin.torrent" $state/peerd/torrents/
check "a member can, whatever the umask" as_member "cp $work/file.bin.torrent $state/peerd/torrents/"
check "and the file comes" wait_until 20 cmp -s "$work/file.bin" $state/peerd/downloads/file.bin
check "belonging to the group" test "$(stat -c %G $state/peerd/downloads/file.bin)" = piecework
check "a member reads the log" as_member "grep -q ' torrent.complete ' $log"
stranger_sees() { runuser -u stranger -- /usr/bin/peerctl status | grep -q "$1"; }
check "and anybody the status" wait_until 5 stranger_sees file.bin
check "a member leaves a file among the downloads" as_member "cp $log $state/peerd/downloads/own.bin"
check "nothing was forbidden to the daemons" \
  fails grep -rE "not permitted|denied|Read-only|not implemented" /var/log/piecework
cp "$work/file.bin.torrent" "$work/own.torrent"
sed -i 's/file\.bin/other.bin/' "$work/own.torrent"
chown member "$work/own.torrent"
chmod 600 "$work/own.torrent"
check "one that only its owner may read is refused" as_member "cp $work/own.torrent $state/peerd/torrents/"
check "with a note that says so" \
  wait_until 5 grep -sq 'Permission denied' $state/peerd/torrents/own.torrent.invalid
rm $state/peerd/torrents/own.torrent
if command -v logrotate >/dev/null; then
  check "logrotate moves the logs" logrotate --force --state "$work/rotated" /etc/logrotate.d/piecework
  for file in $log /var/log/piecework/peerd-seed/peerd.log /var/log/piecework/trackerd/trackerd.log; do
    check "and $file is opened anew" wait_until 5 test -e "$file" -a -e "$file.1"
  done
else
  echo "skip - logrotate is not installed, and nothing rotates the logs"
fi

# Reload.
pid=$(property peerd MainPID)
printf 'log:\n  level: debug\n' >/etc/piecework/peerd.yaml
check "a changed configuration is reloaded" systemctl reload peerd
check "and taken over" wait_for_line $log 'config.reloaded changed=log.level'
metrics=/run/piecework/peerd/metrics.prom
printf 'log:\n  level: debug\nmetrics_file: %s\n' $metrics >/etc/piecework/peerd.yaml
check "a metrics file beside the status file can be made" systemctl reload peerd
check "and read by anybody" wait_until 5 runuser -u stranger -- grep -qs '^piecework_peer_held_bytes' $metrics
echo 'upload_limit: much' >/etc/piecework/peerd.yaml
check "with a mistake in it the reload fails" fails systemctl reload peerd
check "the reason is in the journal" in_journal peerd 'peerd.yaml:1:15: upload_limit: '
check "and the daemon goes on as it was" \
  test "$(property peerd ActiveState) $(property peerd MainPID)" = "active $pid"
systemctl stop peerd
check "it does not start with it either" fails systemctl start peerd
systemctl stop peerd
rm /etc/piecework/peerd.yaml

# The journal.
mkdir -p /run/systemd/system/{peerd,trackerd}.service.d
cat >/run/systemd/system/peerd.service.d/test.conf <<'END'
[Service]
ExecStart=
ExecStart=/usr/sbin/peerd --set log.file=- --set socket_buffer=0
WatchdogSec=2s
RestartSec=100ms
# No core files.
WatchdogSignal=SIGKILL
END
sed '/ExecStart/d' /run/systemd/system/peerd.service.d/test.conf >/run/systemd/system/trackerd.service.d/test.conf
systemctl daemon-reload
systemctl reset-failed
echo nonsense >$state/peerd/torrents/bad.torrent
systemctl start peerd
systemctl restart trackerd
errors() {
  journalctl --sync
  journalctl -q --no-pager -u peerd -p err -o cat
}
says_error() { errors | grep -q -- "$1"; }
check "what is logged to stderr has its priority in the journal" \
  wait_until 5 says_error ' error torrent\.invalid file=bad\.torrent'
check "and nothing else has that one" fails says_error ' info '

# The watchdog.
for unit in peerd trackerd; do
  kill -STOP "$(property $unit MainPID)"
  check "a stopped $unit is killed and started again" wait_until 10 restarts $unit 1
done
check "one that is well is left alone meanwhile" fails restarts peerd 2

# stop_threads NAME: the threads of peerd with that name stand still from now on, and no others.
stop_threads() {
  local pid cgroup thread
  pid=$(property peerd MainPID)
  cgroup=/sys/fs/cgroup$(property peerd ControlGroup)/still
  mkdir "$cgroup"
  echo threaded >"$cgroup/cgroup.type"
  for thread in "/proc/$pid/task"/*; do
    [ "$(cat "$thread/comm")" != "$1" ] || echo "${thread##*/}" >"$cgroup/cgroup.threads"
  done
  echo 1 >"$cgroup/cgroup.freeze"
}
systemctl stop peerd@seed
for loop in watcher:watcher accept:peer; do
  before=$(property peerd NRestarts)
  check "the ${loop%:*} loop can be stopped alone" stop_threads "${loop#*:}"
  check "then peerd is killed and started again" wait_until 10 restarts peerd $((before + 1))
  check "and the log says why" in_journal peerd "error watchdog.silent loop=${loop%:*} "
done

# Upgrade.
systemctl start peerd@seed
systemctl stop trackerd
before=$(property peerd MainPID) before_seed=$(property peerd@seed MainPID)
check "the package is installed over running daemons" install_package
check "which are new then" \
  test "$(property peerd MainPID)" != "$before" -a "$(property peerd@seed MainPID)" != "$before_seed"
for unit in peerd peerd@seed; do check "$unit runs" is_active $unit; done
check "and one that did not run does not run" is_inactive trackerd

# The end.
check "stopping works" systemctl stop peerd
check "with success" test "$(property peerd Result)" = success
check "and leaves no status behind" test ! -e /run/piecework/peerd
check "the package is removed" dpkg --no-triggers -r piecework
check "with that nothing of it runs" is_inactive peerd@seed
check "the downloads are still there" cmp "$work/file.bin" $state/peerd/downloads/file.bin
check "and the configuration" test -e /etc/piecework/trackerd.yaml
check "the package is purged" dpkg --no-triggers -P piecework
for path in $state/peerd/state $state/peerd/torrents $state/trackerd /var/log/piecework \
  /etc/piecework/trackerd.yaml; do
  check "then $path is gone" test ! -e "$path"
done
check "but not a download" cmp "$work/file.bin" $state/peerd/downloads/file.bin
echo "# the end"
finish
