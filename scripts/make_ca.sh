#!/bin/bash
# A certificate authority for one site, and certificates for its hosts: what `tls:` of peerd.yaml and
# trackerd.yaml wants. With the openssl command; all keys are EC P-256. Overwrites nothing.
#
#   make_ca.sh ca DIRECTORY [--name NAME] [--days N]
#       DIRECTORY/ca.crt, for every host, and ca.key, for nobody: keep that off the network. 10 years.
#   make_ca.sh host DIRECTORY NAME... [--days N]
#       NAME.crt and NAME.key there, for one host each (or for each daemon on it). 400 days.
#
# To renew one, move its NAME.crt away and call `host` again: a key that is there is kept. Copy the new
# file over the old one on the host and `systemctl reload` its daemons; no connection is dropped. Before
# the CA itself ends, make another in a new directory, and let every host take both for a while: the
# files of `tls.ca` may be put one behind the other.
set -euo pipefail
umask 077

fail() {
  local status=$1
  shift
  echo "make_ca.sh: $*" >&2
  exit "$status"
}
usage() { sed -n 's/^#   make_ca/usage: make_ca/p' "$0"; }

# Words, and the two options wherever they stand.
words=() name="Piecework CA" days=""
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      usage
      exit 0
      ;;
    --name | --days)
      [ $# -ge 2 ] || fail 64 "$1 wants a value"
      if [ "$1" = --name ]; then name=$2; else days=$2; fi
      shift
      ;;
    -*) fail 64 "unknown option $1; see --help" ;;
    *) words+=("$1") ;;
  esac
  shift
done
[[ $days =~ ^([1-9][0-9]{0,4})?$ ]] || fail 64 "--days: a number from 1 to 99999"
[[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._\ -]{0,59}$ ]] || fail 64 "--name: letters, digits, blanks, . _ -"
[ ${#words[@]} -ge 2 ] || fail 64 "$(usage)"
command -v openssl >/dev/null || fail 69 "there is no openssl command; on Debian: apt install openssl"
directory=${words[1]}

# new_place: sets $new to a directory that goes away, beside the files to be.
new_place() {
  new=$(mktemp -d "$directory/.new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
}
# place NAME MODE: from there to its place, unless that is taken.
place() {
  chmod "$2" "$new/$1"
  ln -T "$new/$1" "$directory/$1" 2>/dev/null || fail 73 "$directory/$1 is there already, and stays"
  echo "$directory/$1"
}
new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
serial() { echo "0x$(openssl rand -hex 16)"; }

# The extensions are all here: what the openssl.cnf of this host says does not matter.
configuration() {
  cat <<END
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
END
}

make_ca() {
  [ ${#words[@]} = 2 ] || fail 64 "$(usage)"
  mkdir -p "$directory"
  for file in ca.key ca.crt; do
    [ ! -e "$directory/$file" ] || fail 73 "$directory/$file is there already, and stays"
  done
  new_place
  configuration >"$new/configuration"
  new_key "$new/ca.key"
  openssl req -new -x509 -config "$new/configuration" -extensions ca -key "$new/ca.key" \
    -set_serial "$(serial)" -sha256 -days "${days:-3650}" -subj "/CN=$name" -out "$new/ca.crt"
  place ca.key 0600
  place ca.crt 0644
}

make_host() {
  local host=$1
  if [ "$host" = ca ] || ! [[ $host =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$ ]]; then
    fail 64 "$host: a name of letters, digits, . _ -, and not ca"
  fi
  [ ! -e "$directory/$host.crt" ] || fail 73 "$directory/$host.crt is there already, and stays"
  new_place
  configuration >"$new/configuration"
  if [ ! -e "$directory/$host.key" ]; then
    new_key "$new/$host.key"
    place "$host.key" 0600
  fi
  openssl req -new -config "$new/configuration" -key "$directory/$host.key" -subj "/CN=$host" \
    -out "$new/request"
  openssl x509 -req -in "$new/request" -CA "$directory/ca.crt" -CAkey "$directory/ca.key" \
    -set_serial "$(serial)" -sha256 -days "${days:-400}" -extfile "$new/configuration" \
    -extensions host -out "$new/$host.crt" 2>"$new/said" || fail 74 "$(cat "$new/said")"
  place "$host.crt" 0644
  rm -rf "$new"
}

case ${words[0]} in
  ca) make_ca ;;
  host)
    [ ${#words[@]} -ge 3 ] || fail 64 "$(usage)"
    for file in ca.key ca.crt; do
      [ -r "$directory/$file" ] || fail 66 "no $file in $directory: begin with make_ca.sh ca $directory"
    done
    for host in "${words[@]:2}"; do make_host "$host"; done
    ;;
  *) fail 64 "$(usage)" ;;
esac
