#!/bin/bash
# TLS beneath the frames: a swarm in which everybody has a certificate, all who may not take part and
# what the logs say about them, renewed certificates while a transfer goes on, and the plain pair.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

command -v openssl >/dev/null || skip "there is no openssl command to make certificates with"
make_ca=$here/../../scripts/make_ca.sh
ca=$work/ca
peerctl=$BIN/peerctl

# tls HOST: options of a daemon; tls_options HOST: of peerctl.
tls() { printf '%s\n' --set "tls.ca=$ca/ca.crt" --set "tls.certificate=$ca/$1.crt" --set "tls.key=$ca/$1.key"; }
tls_options() { printf '%s\n' --tls-ca "$ca/ca.crt" --tls-certificate "$ca/$1.crt" --tls-key "$ca/$1.key"; }
mapfile -t tracker_tls < <(tls tracker)
mapfile -t peer_tls < <(tls peer)
mapfile -t pair_tls < <(tls_options peer)

certificates() {
  "$make_ca" ca "$ca" --name "The site" >/dev/null
  "$make_ca" host "$ca" tracker peer >/dev/null
  "$make_ca" ca "$work/other" >/dev/null
  "$make_ca" host "$work/other" stranger >/dev/null
  check_exit "a CA is not overwritten" 73 "$make_ca" ca "$ca"
  check_exit "nor is a host's certificate" 73 "$make_ca" host "$ca" peer
  check_exit "a host wants a CA" 66 "$make_ca" host "$work/nowhere" peer
  check_exit "no host goes by the name of a path" 64 "$make_ca" host "$ca" ../peer
  check "keys are their owner's" test "$(stat -c %a "$ca/ca.key" "$ca/peer.key" | sort -u)" = 600
  check "nothing else is left there" test "$(find "$ca" "$work/other" -type f | wc -l)" = 10
  # One that was valid until yesterday.
  openssl req -new -key "$ca/peer.key" -subj /CN=old -out "$work/request" 2>/dev/null
  openssl x509 -req -in "$work/request" -CA "$ca/ca.crt" -CAkey "$ca/ca.key" -set_serial 7 -days -1 \
    -out "$ca/expired.crt" 2>/dev/null
  openssl pkey -in "$ca/peer.key" -aes256 -passout pass:secret -out "$work/locked.key"
}

# refused SENTENCE REGEX OPTION...: by --test-config, with 78 and these words.
refused() {
  local sentence=$1 words=$2
  shift 2
  check_exit "$sentence" 78 "$BIN/peerd" --config /dev/null "${peer_tls[@]}" --test-config "$@"
  cp "$work/check.out" "$work/said"
  check "… and it says why" grep -Eq -- "$words" "$work/said"
}

configurations() {
  check "--test-config takes certificates that fit" "$BIN/peerd" --config /dev/null "${peer_tls[@]}" --test-config
  refused "one of the three is missing" '^--set: tls\.key: missing' --set tls.key=
  refused "a file is not there" "^--set: tls\.ca: $work/none: No such file" --set "tls.ca=$work/none"
  refused "a file is something else" '^--set: tls\.certificate: .*PEM' --set "tls.certificate=$here/lib.sh"
  refused "the key is another's" '^--set: tls\.key: .* is not the key of ' --set "tls.key=$ca/tracker.key"
  refused "the key has a password" '^--set: tls\.key: .*password' --set "tls.key=$work/locked.key"
  refused "the CA is another" '^--set: tls\.certificate: .*issuer' --set "tls.ca=$work/other/ca.crt"
  refused "the certificate has expired" '^--set: tls\.certificate: .*expired' --set "tls.certificate=$ca/expired.crt"
  check_exit "the tracker looks at them too" 78 "$BIN/trackerd" --config /dev/null "${tracker_tls[@]}" \
    --set "tls.key=$ca/peer.key" --test-config
}

# knock PORT [CERTIFICATE [KEY [VERSION]]]: a TLS client says a few words there, and prints what it hears.
knock() {
  "$python" -c '
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
if len(sys.argv) > 4: context.maximum_version = ssl.TLSVersion[sys.argv[4]]
if len(sys.argv) > 2 and sys.argv[2]: context.load_cert_chain(sys.argv[2], sys.argv[3])
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) as raw:
        with context.wrap_socket(raw) as sock:
            sock.sendall(b"\0" * 8)
            print(sock.recv(100))
except OSError as error:
    print(error)' "$@"
}

# strangers PORT LOG EVENT: nobody gets in there, and the log says why.
strangers() {
  local port=$1 log=$2 event=$3
  knock "$port" >>"$work/knocks"
  check "$event: no certificate" wait_for_line "$log" "$event .*reason=tls_no_certificate"
  knock "$port" "$work/other/stranger.crt" "$work/other/stranger.key" >>"$work/knocks"
  check "$event: another CA" wait_for_line "$log" "$event .*reason=tls_unknown_ca"
  knock "$port" "$ca/expired.crt" "$ca/peer.key" >>"$work/knocks"
  check "$event: an expired certificate" wait_for_line "$log" "$event .*reason=tls_certificate_expired"
  knock "$port" "$ca/peer.crt" "$ca/peer.key" TLSv1_2 >>"$work/knocks"
  check "$event: TLS 1.2" wait_for_line "$log" "$event .*reason=tls_version"
  "$python" "$support/ask_tracker.py" 127.0.0.1 "$port" '{"port": 1, "peer_id": "x", "event": "started"}' \
    >>"$work/knocks" 2>&1 || true
  check "$event: no TLS" wait_for_line "$log" "$event .*reason=not_tls"
}

swarm() {
  start_tracker "${tracker_tls[@]}"
  check "the tracker says who it is" wait_for_line "$work/tracker/log" 'tls\.loaded .*subject="CN=tracker" expires=20'
  random_file 8MiB "$work/file.bin"
  make_torrent "$work/file.bin" "$work/file.torrent"
  start_peer seeder "${peer_tls[@]}"
  cp "$work/file.bin" "$work/seeder/downloads/"
  drop seeder "$work/file.torrent"
  wait_for_line "$work/seeder/log" 'tracker\.reached'
  start_peer leecher "${peer_tls[@]}" --set log.level=debug
  drop leecher "$work/file.torrent"
  check "with certificates a leecher completes" wait_complete leecher
  check "its copy is equal" cmp "$work/file.bin" "$work/leecher/downloads/file.bin"
  strangers "${ports[tracker]}" "$work/tracker/log" connection.closed
  strangers "${ports[seeder]}" "$work/seeder/log" peer.refused

  # Neither kind of peer can join the other's swarm, and all logs say why.
  start_peer plain
  drop plain "$work/file.torrent"
  check "a peer without TLS learns that the tracker wants it" \
    wait_for_line "$work/plain/log" 'tracker\.failed .*reason=tls_required'
  knock "${ports[plain]}" >>"$work/knocks"
  check "and tells of one who tries TLS" wait_for_line "$work/plain/log" 'peer\.refused .*reason=tls_not_configured'
  "$peerctl" get "$work/file.torrent" -o "$work/plain" --timeout 1s --verbose "${pair_tls[@]}" \
    >"$work/get.log" 2>&1 || true
  check "peerctl get takes part with the same keys" cmp "$work/file.bin" "$work/plain/file.bin"
}

# Who has not come through the handshake makes room.
crowd() {
  start_peer crowded "${peer_tls[@]}" --set max_connections=2
  start idlers "$python" -c '
import socket, sys, time
idlers = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(2)]
idlers[1].sendall(b"\x16\x03\x01\x02")
print("connected", flush=True)
time.sleep(600)' "${ports[crowded]}"
  wait_for_line "$work/idlers/out" connected
  knock "${ports[crowded]}" "$ca/peer.crt" "$ca/peer.key" >>"$work/knocks"
  check "one with a certificate finds a place among those who only begin" \
    wait_for_line "$work/crowded/log" 'peer\.refused .*reason=empty_frame' 5
  check "and nobody was turned away for it" test "$(count_lines "$work/crowded/log" 'connection\.refused')" = 0
}

# A peer with TLS, and a tracker without.
other_way_round() {
  start plain_tracker "$BIN/trackerd" --set listen=127.0.0.1:0 --set "log.file=$work/plain_tracker/log" \
    --set "status_file=$work/plain_tracker/status.json"
  local tracker
  tracker=127.0.0.1:$(listening_port plain_tracker)
  make_torrent "$work/file.bin" "$work/lost.torrent" --piece-length 64KiB
  start_peer lost "${peer_tls[@]}"
  drop lost "$work/lost.torrent"
  check "a peer with TLS learns nothing from a tracker without" \
    wait_for_line "$work/lost/log" 'tracker\.failed .*reason=tls_unanswered'
  check "which says why" \
    wait_for_line "$work/plain_tracker/log" 'connection\.closed .*reason=tls_not_configured'
}

# tells_expiry CERTIFICATE METRICS FAMILY: these tell when it expires, for wait_until.
tells_expiry() {
  local told
  told=$("$python" "$support/metrics_format.py" "$2" "$3") || return 1
  [ "$told" = "$(date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d = -f 2)" +%s)" ]
}

# A certificate that expires in a few days, until it is renewed.
expiry() {
  local name options
  "$make_ca" host "$ca" brief --days 5 >/dev/null
  for name in peerd trackerd; do
    mkdir -p "$work/$name"
    mapfile -t options < <(tls brief && printf '%s\n' --set listen=127.0.0.1:0 --set "log.file=$work/$name/log" \
      --set "status_file=$work/$name/status.json" --set "metrics_file=$work/$name/metrics.prom")
    [ "$name" = trackerd ] || options+=(--set "watch_dir=$work/$name/t" --set "download_dir=$work/$name/d"
      --set "state_dir=$work/$name/s")
    start "$name" "$BIN/$name" --config /dev/null "${options[@]}"
    listening_port "$name" >"$work/port"
    check "$name warns of a certificate that expires soon" \
      wait_for_line "$work/$name/log" 'warn tls\.expires_soon .*subject="CN=brief" expires=20.* days=[45]$'
    check "its metrics tell when" wait_until 5 tells_expiry "$ca/brief.crt" "$work/$name/metrics.prom" \
      "piecework_${name%d}_certificate_expiry_timestamp_seconds"
  done
  cp "$ca/peer.crt" "$ca/brief.crt"
  cp "$ca/peer.key" "$ca/brief.key"
  for name in peerd trackerd; do
    kill -HUP "${pids[$name]}"
    check "and of the next one, once $name has it" wait_until 15 tells_expiry "$ca/peer.crt" \
      "$work/$name/metrics.prom" "piecework_${name%d}_certificate_expiry_timestamp_seconds"
    check "it has warned once" test "$(count_lines "$work/$name/log" 'tls\.expires_soon')" = 1
    check "$name stops in time" stop_in_time "$name"
  done
  check "one that is good for long is not warned of" \
    test "$(cat "$work/seeder/log" "$work/tracker/log" | grep -c 'tls\.expires_soon')" = 0
}

# New certificates, and bad ones, while a slow transfer goes on.
reload() {
  local name dropped
  random_file 3MiB "$work/slow.bin"
  make_torrent "$work/slow.bin" "$work/slow.torrent" --piece-length 64KiB
  cp "$work/slow.bin" "$work/seeder/downloads/"
  drop seeder "$work/slow.torrent"
  wait_for_line "$work/seeder/log" 'torrent\.seeding .*name=slow\.bin'
  start_peer slow "${peer_tls[@]}" --set download_limit=1MiB
  drop slow "$work/slow.torrent"
  wait_for_line "$work/slow/log" 'peer\.connected '
  mv "$ca/peer.crt" "$work/before.crt"
  "$make_ca" host "$ca" peer --days 500 >/dev/null
  chmod 0644 "$ca/peer.key"
  for name in seeder slow; do
    kill -HUP "${pids[$name]}"
    check "$name takes a new certificate" wait_until 20 has_lines "$work/$name/log" ' tls\.loaded ' 2
    check "and warns of a key that others may read" \
      wait_for_line "$work/$name/log" "warn tls\.key_exposed file=$ca/peer\.key"
  done
  check "it is the new one" test "$(sed -n 's/.* tls\.loaded .*expires=//p' "$work/slow/log" | sort -u | wc -l)" = 2
  cp "$ca/expired.crt" "$ca/peer.crt"
  kill -HUP "${pids[slow]}"
  check "a bad one is refused" wait_for_line "$work/slow/log" 'config\.rejected reason=.*tls\.certificate.*expired'
  check "and the old one stays: the transfer completes" wait_complete slow
  dropped=$(grep ' peer\.closed ' "$work/slow/log" | grep -v 'reason=both_complete' || true)
  check "no connection was dropped" test -z "$dropped"
  rm "$ca/peer.crt"
  mv "$work/before.crt" "$ca/peer.crt"
}

# Without TLS from the next start on; its files are gone already.
switched_off() {
  local name config=$work/leaving.yaml
  "$make_ca" host "$ca" leaving >/dev/null
  printf 'tls: {ca: %s, certificate: %s, key: %s}\n' "$ca/ca.crt" "$ca/leaving.crt" "$ca/leaving.key" >"$config"
  start_peer leaving_peer --config "$config"
  mkdir "$work/leaving_tracker"
  start leaving_tracker "$BIN/trackerd" --config "$config" --set "listen=$address:0" \
    --set "log.file=$work/leaving_tracker/log" --set "status_file=$work/leaving_tracker/status.json"
  listening_port leaving_tracker >/dev/null
  rm "$ca/leaving.crt" "$ca/leaving.key"
  printf 'max_connections: 100\n' >"$config"
  for name in leaving_peer leaving_tracker; do
    kill -HUP "${pids[$name]}"
    check "$name takes over all but that TLS is off" wait_for_line "$work/$name/log" \
      ' config\.reloaded changed=max_connections needs_restart=tls\.ca,tls\.certificate,tls\.key'
    stop "$name"
  done
}

pair() {
  start served "$peerctl" serve "$work/file.bin" --listen 127.0.0.1:0 "${pair_tls[@]}"
  wait_for_line "$work/served/out" ' on 127\.0\.0\.1:[0-9]+$'
  served=$(sed -n 's/.* on \(127\.0\.0\.1:[0-9]*\)$/\1/p' "$work/served/out")
  # It says nothing, and only learns that when the time for a handshake is over.
  start mute "$peerctl" fetch "$served" -o "$work/mute.bin"
  check_exit "a file is fetched over TLS" 0 "$peerctl" fetch "$served" -o "$work/fetched.bin" "${pair_tls[@]}"
  check "the copy is equal" cmp "$work/file.bin" "$work/fetched.bin"
  check "who serves it says that it was taken" wait_for_line "$work/served/out" '^sent to .*: 8388608 bytes in '
  check_exit "not by a stranger" 76 "$peerctl" fetch "$served" -o "$work/none.bin" \
    --tls-ca "$work/other/ca.crt" --tls-certificate "$work/other/stranger.crt" \
    --tls-key "$work/other/stranger.key"
  cp "$work/check.out" "$work/said"
  check "who says why" grep -q tls_unknown_ca "$work/said"
  check_exit "a key belongs to a certificate" 64 "$peerctl" fetch "$served" -o "$work/none.bin" \
    --tls-ca "$ca/ca.crt"
  start open "$peerctl" serve "$work/file.bin" --listen 127.0.0.1:0
  wait_for_line "$work/open/out" ' on 127\.0\.0\.1:[0-9]+$'
  check_exit "nothing is taken from one without TLS" 76 "$peerctl" fetch \
    "$(sed -n 's/.* on \(127\.0\.0\.1:[0-9]*\)$/\1/p' "$work/open/out")" -o "$work/none.bin" "${pair_tls[@]}"
  cp "$work/check.out" "$work/said"
  check "who says why, and what to do" \
    grep -q 'peerctl: 127\.0\.0\.1:[0-9]*: not_tls: .*leave out --tls-ca' "$work/said"
  check "and nothing is there" test ! -e "$work/none.bin"
  check "who serves it says why, too" wait_for_line "$work/open/out" '^broken off to .*: tls_not_configured$'
  check "and not that it was taken" test "$(count_lines "$work/open/out" '^sent to ')" = 0
}
mute_end() {
  local pid=${pids[mute]}
  unset "pids[mute]"
  check_exit "a client without TLS is sent away" 76 wait "$pid"
  check "and learns why, and what to do" grep -q "peerctl: $served: tls_required: .*give --tls-ca" "$work/mute/out"
}

certificates
configurations
switched_off
random_file 8MiB "$work/file.bin"
pair
swarm
other_way_round
crowd
expiry
reload
for name in seeder leecher slow tracker; do
  check "$name stops in time" stop_in_time "$name"
done
mute_end
finish
