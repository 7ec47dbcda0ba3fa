#!/bin/bash
# `check_units.sh BUILD_DIRECTORY`: systemd must find nothing wrong with the units, and little to
# harden. Prints what it finds.
set -euo pipefail

cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make --no-print-directory install BUILD="$1" PREFIX="$root/usr" DESTDIR= sysconfdir="$root/etc"
units=$root/usr/lib/systemd/system
cp "$units/peerd@.service" "$units/peerd@second.service"

# It says on stderr what it thinks, and exits 0 all the same.
said=$(systemd-analyze verify --man=no "$units"/{trackerd,peerd,peerd@second}.service 2>&1 |
  grep -F "$root" || true)
for unit in trackerd peerd peerd@; do
  exposure=$(systemd-analyze security --offline=true --no-pager "$units/$unit.service" 2>&1 |
    sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p')
  awk -v it="${exposure:-10}" 'BEGIN { exit !(it <= 1.5) }' ||
    said+=$'\n'"$unit.service: exposure ${exposure:-unknown}, more than 1.5"
done
[ -z "$said" ] || {
  echo "$said" >&2
  exit 1
}
