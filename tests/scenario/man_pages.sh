#!/bin/bash
# The man pages are as complete as they claim: every event that the code logs, every key of the
# configuration, every option and every exit code, and none that does not exist. Nor does what bash
# completes know others.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

root=$here/../..
man=$root/config/man
cd "$work"

# events DIRECTORY...: what the code there logs: dotted words that are no configuration keys, and
# `listening`.
events() {
  find "$@" -name '*.cc' -exec grep -hv '^ *//' {} + | grep -oE '"(listening|[a-z]+\.[a-z]+(_[a-z]+)*)"' |
    tr -d '"' | grep -Ev '^(log\.(file|level)|seed\.(ratio|time)|watermark\.(low|high)|tls\.(ca|certificate|key))$' |
      sort -u
}
# documented_events PAGE: the tags of its list of events.
documented_events() {
  sed -n '/^The events are:/,/^\.El/p' "$1" | sed -n 's/^\.It Li //p' | tr -d ' ' | tr , '\n' | sort -u
}
# Both daemons stand on common/, except for what only the peer has from there.
events "$root/common" "$root/tracker" >tracker.events
events "$root/common" "$root/peer" >peer.events
check "the code logs something" test "$(wc -l <peer.events)" -gt 30
check "trackerd(8) lists just the events of trackerd" \
  diff tracker.events <(documented_events "$man/trackerd.8")
check "peerd(8) lists just the events of peerd" diff peer.events <(documented_events "$man/peerd.8")
sort -u tracker.events peer.events | while read -r event; do
  grep -Fq "\`$event" "$root/README.md" || echo "$event"
done >missing
check "README.md lists them too" test ! -s missing

# keys PROGRAM: of its configuration, with those of a group as group.key.
keys() {
  "$BIN/$1" --config /dev/null --dump-config | awk -F: '
    /^[a-z_]+: *$/ { group = $1 "."; next }
    /^ +[a-z_]+:/ { sub(/^ +/, ""); print group $1; next }
    /^[a-z_]+:/ { group = ""; print $1 }' | sort -u
}
# documented_keys SECTION...
documented_keys() {
  local section
  for section; do
    sed -n "/^\\.Sh $section\$/,/^\\.El/p" "$man/piecework.yaml.5" | sed -n 's/^\.It Cm \([^ ]*\) :.*/\1/p'
  done | sort -u
}
for daemon in trackerd peerd; do
  check "piecework.yaml(5) lists just the keys of $daemon" \
    diff <(keys $daemon) <(documented_keys "KEYS OF BOTH" "KEYS OF ${daemon^^}")
done
# Each default stands behind its key, with the words of --dump-config.
for daemon in trackerd peerd; do
  "$BIN/$daemon" --config /dev/null --dump-config |
    sed -n 's/^ *\([a-z_]*\): \([^"[]*\)$/\1 \2/p' | while read -r key value; do
    sed -n "/^\\.It Cm \\([a-z]*\\.\\)\\{0,1\\}$key :/,/^\\.It\\|^\\.El/p" "$man/piecework.yaml.5" |
      grep -Eq "(^| )${value//./\\.}([ .]|\$)" || echo "$daemon: $key: $value"
  done
done >missing
check "and their defaults" test ! -s missing

# restart_keys PROGRAM: those that a dump says so of.
restart_keys() {
  "$BIN/$1" --config /dev/null --dump-config | awk -F: '
    /# A change needs a restart\.$/ { needs = 1; next }
    /^[a-z_]+:/ { if (needs) print $1; needs = 0 }' | sort
}
documented_restart_keys() {
  sed -n '/^\.It Dv SIGHUP/,/^these need a restart/p' "$man/$1.8" | sed -n 's/^\.Cm \([a-z_.]*\).*/\1/p' |
    grep -vx tls | sort
}
for daemon in trackerd peerd; do
  check "$daemon(8) says what needs a restart" diff <(restart_keys $daemon) <(documented_restart_keys $daemon)
done

# options COMMAND...: from its --help.
options() { "$@" --help | sed -n '/^Options:/,$s/^  \(-[-a-z]*\).*/\1/p' | sort -u; }
# documented_options PAGE SECTION: `.Fl -name` at the head of a list entry within SECTION, a regex.
documented_options() {
  sed -n "/$2/,/$3/p" "$man/$1" | sed -n 's/^\.It Fl \([-a-z]*\).*/-\1/p' | sort -u
}
for daemon in trackerd peerd; do
  check "$daemon(8) lists just the options of $daemon" \
    diff <(options "$BIN/$daemon") <(documented_options $daemon.8 '^\.Sh DESCRIPTION' '^\.Sh SIGNALS')
done
subcommands=$("$BIN/peerctl" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\).*/\1/p')
for subcommand in $subcommands; do
  check "peerctl(1) lists just the options of peerctl $subcommand" \
    diff <(options "$BIN/peerctl" "$subcommand" | grep -v '^--help$') \
    <(documented_options peerctl.1 "^\\.It Cm $subcommand\$" '^\.It Cm \|^\.Sh SIGNALS')
done

# completed COMMAND WORD...: what bash offers for the last of them, one a line.
completed() {
  local COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  case $1 in
    *peerctl) _piecework_peerctl "$1" ;;
    *) _piecework_daemon "$1" ;;
  esac
  printf '%s\n' "${COMPREPLY[@]}" | sort -u
}
# shellcheck source=../../config/completion.bash
. "$root/config/completion.bash"
check "bash completes the subcommands of peerctl" diff <(echo "$subcommands" | sort) <(completed peerctl "" | grep -v '^-')
for subcommand in $subcommands; do
  check "and the options of peerctl $subcommand" \
    diff <(options "$BIN/peerctl" "$subcommand") <(completed peerctl "$subcommand" -)
done
check "and those of the daemons" diff <(options "$BIN/peerd") <(completed "$BIN/peerd" -)
check "and the keys for --set" diff <(keys peerd) <(completed "$BIN/peerd" --set "" | tr -d =)

# The status file of peerd, as it is while there is a torrent.
tracker=127.0.0.1:1
random_file 100 "$work/file.bin"
make_torrent "$work/file.bin" "$work/file.torrent"
start_peer peer
drop peer "$work/file.torrent"
check "a peer has a status" wait_until 20 has_status peer file.bin state downloading
for key in $(grep -o '"[a-z_]*":' peer/status.json | tr -d '":' | sort -u); do
  grep -Eq "^\\.It Cm (.* , )?$key( ,|\$)" "$man/peerd.8" || echo "$key"
done >missing
check "peerd(8) names every key of the status file" test ! -s missing
start_tracker
for key in $(grep -o '"[a-z_]*":' tracker/status.json | tr -d '":' | sort -u); do
  grep -Eq "^\\.(It )?Cm (.* , )?$key( |\$)" "$man/trackerd.8" || echo "$key"
done >missing
check "trackerd(8) that of the tracker" test ! -s missing

codes=$(sed -n 's/^ *kExit[A-Za-z]* = \([0-9]*\),.*/\1/p' "$root/common/exit_codes.h")
for code in $codes; do grep -q "^\\.It $code\$" "$man/peerctl.1" || echo "$code"; done >missing
check "peerctl(1) lists every exit code" test ! -s missing
"$BIN/peerctl" --help | sed -n '/^Exit codes:/,$p' >help.codes
for code in $codes; do grep -qw "$code" help.codes || echo "$code"; done >missing
check "and so does peerctl --help" test ! -s missing

if command -v mandoc >/dev/null; then
  check "mandoc has nothing to say about them" mandoc -T lint -W warning "$man"/*.[1-8]
else
  echo "skip - mandoc is not installed, and cannot check the form of the man pages"
fi
finish
