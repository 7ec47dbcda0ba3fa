#!/bin/bash
# What TLS costs: a file over loopback through our streams (stream_rate.cc), encrypted and in the clear
# in turn, over one connection and over four at a time; and from one peerd to another. Beside it what
# AES-GCM alone takes, by `openssl speed`.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

rate=$BIN/bench/stream_rate
make_ca=$here/../../scripts/make_ca.sh
ca=$work/ca

# streams CONNECTIONS MIB: each connection carries so much.
streams() {
  local connections=$1 mib=$2 case=streams$1 seconds cpu
  random_file "${mib}MiB" "$work/file.bin"
  for _ in $(seq "$RUNS"); do
    for kind in clear tls; do
      local files=()
      [ "$kind" = clear ] || files=("$ca/ca.crt" "$ca/host.crt" "$ca/host.key")
      "$rate" "$work/file.bin" "$connections" "${files[@]}" >"$work/measured"
      IFS=' =' read -r _ seconds _ cpu <"$work/measured"
      sample "$case.$kind" "$(calculate "$connections * $mib / $seconds" 0)"
      sample "$case.$kind.cpu" "$cpu"
    done
  done
  row "$(calculate "$(median "$case.tls") / $(median "$case.clear")" 2)" - \
    "connections: $connections, TLS: MiB/s" "$(spread "$case.tls" 0)" "in the clear $(spread "$case.clear" 0)"
  row "$(calculate "$(median "$case.tls.cpu") / $(median "$case.clear.cpu")" 2)" - \
    "  processor seconds, $((connections * mib)) MiB" "$(spread "$case.tls.cpu" 2)" \
    "in the clear $(spread "$case.clear.cpu" 2)"
}

# swarm KIND [OPTION]...: from one peerd to another, seconds from the torrent's drop to its end.
swarm() {
  local kind=$1 from
  shift
  start_tracker "$@"
  make_torrent "$work/file.bin" "$work/file.torrent"
  start_peer seeder "$@"
  ln "$work/file.bin" "$work/seeder/downloads/file.bin"
  drop seeder "$work/file.torrent"
  wait_for_line "$work/seeder/log" 'tracker\.reached'
  start_peer leecher "$@"
  from=$(now)
  drop leecher "$work/file.torrent"
  wait_complete leecher
  sample "swarm.$kind" "$(calculate "$(log_time leecher torrent.complete) - $from")"
  for name in leecher seeder tracker; do stop "$name" || true; done
  rm -r "${work:?}"/{leecher,seeder,tracker}
}

[ -x "$rate" ] || skip "$rate is not built"
command -v openssl >/dev/null || skip "there is no openssl command to make certificates with"
"$make_ca" ca "$ca" >/dev/null
"$make_ca" host "$ca" host >/dev/null
streams 1 1024
streams 4 256
random_file 512MiB "$work/file.bin"
for _ in $(seq "$RUNS"); do
  swarm clear
  swarm tls --set "tls.ca=$ca/ca.crt" --set "tls.certificate=$ca/host.crt" --set "tls.key=$ca/host.key"
done
row "$(calculate "$(median swarm.tls) / $(median swarm.clear)" 2)" - "1 to 1, 512 MiB, TLS: seconds" \
  "$(spread swarm.tls)" "in the clear $(spread swarm.clear)"
speed=$(openssl speed -elapsed -seconds 1 -bytes 16384 -evp aes-128-gcm 2>/dev/null |
  sed -n 's/^AES-128-GCM  *\([0-9.]*\)k$/\1/p')
[ -z "$speed" ] || row "$(calculate "$speed / 1024" 0)" - "AES-128-GCM on one core: MiB/s" "$(calculate "$speed / 1024" 0)"
finish
