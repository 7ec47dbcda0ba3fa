#!/bin/bash
# Other programs that bring a file from one host to another, over loopback, each beside ours in turn.
# aria2 and libtorrent verify what they get, with SHA-1; rsync sums the whole file up; curl checks
# nothing. What is not installed is left out. All of it happens in a network namespace of its own.
#
#   others.sh [aria2 | libtorrent | rsync | nginx]...
if [ -z "${PIECEWORK_BENCH_ALONE:-}" ]; then
  unshare --net true 2>/dev/null || {
    echo "skip - no network namespace can be made here (root can)"
    exit 77
  }
  PIECEWORK_BENCH_ALONE=1 exec unshare --net "$0" "$@"
fi
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ip link set lo up

mib=512
bittorrent="$python $(cd "$(dirname "$0")" && pwd)/bittorrent.py"

# port_of NAME: which it prints.
port_of() {
  wait_for_line "$work/$1/out" '^listening port=' >&2
  sed -n 's/^listening port=//p' "$work/$1/out"
}
free_port() {
  "$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# accepts PORT: somebody listens there.
accepts() { : 2>/dev/null <>"/dev/tcp/127.0.0.1/$1"; }
# takes NAME COMMAND...: samples how long it runs.
takes() {
  local name=$1 from
  shift
  from=$(now)
  "$@" >"$work/other.out" 2>&1 || {
    cat "$work/other.out"
    not_ok "$name failed"
  }
  sample "$name" "$(calculate "$(now) - $from")"
}

# Each program: NAME_missing says why not, NAME_up starts the side that has the file, NAME_fetch
# brings it to $work/got/file.bin and samples NAME.

aria2_missing() { [ -n "$(type -P aria2c)" ] || echo "apt-get install aria2"; }
aria2_up() {
  start bt-tracker "$python" "$(dirname "$0")/bittorrent.py" track
  # shellcheck disable=SC2086 # words
  $bittorrent make "$work/file.bin" "$work/bt.torrent" "http://127.0.0.1:$(port_of bt-tracker)/announce"
  aria2_options=(--no-conf --enable-dht=false --enable-dht6=false --bt-enable-lpd=false
    --enable-peer-exchange=false --disable-ipv6 --file-allocation=falloc --listen-port="$(free_port)")
  start aria2 aria2c "${aria2_options[@]}" --check-integrity --seed-ratio=0 -d "$work" "$work/bt.torrent"
  wait_for_line "$work/aria2/out" 'Verification finished|seeding|SEED' 30
  wait_until 30 accepts "${aria2_options[-1]#*=}"
  aria2_options[-1]=--listen-port=$(free_port)
}
# Until it says that the file is complete: its way out takes another second.
aria2_fetch() {
  local from
  printf '#!/bin/sh\ntouch %s\n' "$work/aria2.done" >"$work/aria2.hook"
  chmod +x "$work/aria2.hook"
  from=$(now)
  aria2c "${aria2_options[@]}" --seed-time=0 --on-bt-download-complete="$work/aria2.hook" \
    -d "$work/got" "$work/bt.torrent" >/dev/null 2>&1 || not_ok "aria2 failed"
  sample aria2 "$(calculate "$(date -r "$work/aria2.done" +%s.%N) - $from")"
}

libtorrent_missing() {
  "$python" -c 'import libtorrent' 2>/dev/null || echo "apt-get install python3-libtorrent"
}
libtorrent_up() {
  # shellcheck disable=SC2086 # words
  $bittorrent make "$work/file.bin" "$work/lt.torrent" http://127.0.0.1:1/
  # shellcheck disable=SC2086
  start libtorrent $bittorrent seed "$work/lt.torrent" "$work"
  ports[libtorrent]=$(port_of libtorrent)
}
libtorrent_fetch() {
  local seconds
  # shellcheck disable=SC2086
  seconds=$($bittorrent fetch "$work/lt.torrent" "$work/got" "${ports[libtorrent]}")
  sample libtorrent "${seconds#seconds=}"
}

rsync_missing() { [ -n "$(type -P rsync)" ] || echo "apt-get install rsync"; }
rsync_up() {
  ports[rsync]=$(free_port)
  printf '%s\n' "address = 127.0.0.1" "port = ${ports[rsync]}" "use chroot = no" "uid = $(id -u)" \
    "gid = $(id -g)" "[files]" "path = $work" >"$work/rsyncd.conf"
  start rsync rsync --daemon --no-detach --config="$work/rsyncd.conf"
  wait_until 10 accepts "${ports[rsync]}"
}
rsync_fetch() {
  takes rsync rsync --whole-file "rsync://127.0.0.1:${ports[rsync]}/files/file.bin" "$work/got/file.bin"
}

nginx_missing() {
  [ -n "$(type -P nginx)" ] && [ -n "$(type -P curl)" ] || echo "apt-get install nginx-light curl"
}
nginx_up() {
  ports[nginx]=$(free_port)
  mkdir -p "$work/nginx"
  cat >"$work/nginx.conf" <<END
daemon off;
master_process off;
user root;
pid $work/nginx/pid;
error_log $work/nginx/errors;
events {}
http {
  access_log off;
  sendfile on;
  client_body_temp_path $work/nginx/body;
  proxy_temp_path $work/nginx/proxy;
  fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi;
  scgi_temp_path $work/nginx/scgi;
  server { listen 127.0.0.1:${ports[nginx]}; root $work; }
}
END
  start nginx nginx -c "$work/nginx.conf" -e "$work/nginx/errors"
  wait_until 10 accepts "${ports[nginx]}"
}
nginx_fetch() {
  takes nginx curl -s --fail -o "$work/got/file.bin" "http://127.0.0.1:${ports[nginx]}/file.bin"
}

# ours_fetch SAMPLE: from the drop to torrent.complete, as in transfer.sh.
ours_fetch() {
  local from
  start_peer leecher
  cp "$work/file.torrent" "$work/leecher/.staged"
  from=$(now)
  mv "$work/leecher/.staged" "$work/leecher/torrents/file.torrent"
  wait_for_file "$work/leecher/downloads/file.bin"
  wait_complete leecher
  sample "$1" "$(calculate "$(log_time leecher torrent.complete) - $from")"
  stop leecher || true
  rm -r "${work:?}/leecher"
}

declare -A titles=([aria2]="aria2 (BitTorrent)" [libtorrent]="libtorrent (BitTorrent)" [rsync]="rsync daemon"
  [nginx]="nginx and curl, nothing verified")

# compare NAME: a row for it.
compare() {
  local name=$1 why
  why=$("${name}_missing")
  if [ -n "$why" ]; then
    no_row "${titles[$name]}" "not installed: $why"
    return
  fi
  "${name}_up"
  for _ in $(seq "$RUNS"); do
    ours_fetch "ours.$name"
    mkdir "$work/got"
    "${name}_fetch"
    cmp -s "$work/file.bin" "$work/got/file.bin" || not_ok "$name brought something else"
    rm -r "$work/got"
  done
  stop "$name" || true
  row "$(calculate "$(median "ours.$name") / $(median "$name")" 2)" - "$mib MiB, beside ${titles[$name]}" \
    "$(spread "ours.$name") s" "$(spread "$name") s"
}

random_file $((mib << 20)) "$work/file.bin"
start_tracker
make_torrent "$work/file.bin" "$work/file.torrent"
start_peer seeder
ln "$work/file.bin" "$work/seeder/downloads/"
drop seeder "$work/file.torrent"
wait_for_line "$work/seeder/log" 'tracker\.reached'
[ $# -gt 0 ] || set -- aria2 libtorrent rsync nginx
for wanted; do
  case $wanted in
    aria2 | libtorrent | rsync | nginx) compare "$wanted" ;;
    *) exit 64 ;;
  esac
done
finish
