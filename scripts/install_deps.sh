#!/bin/sh
# Installs the Debian packages that a goal needs, if any is missing: `install_deps.sh build|test|deb|check|fuzz|coverage`.
# All include `build`; `check` also `deb`, and it and `coverage` include `test`. Uses apt-get, as root or by sudo.
set -eu

build="g++ make libssl-dev rapidjson-dev libyaml-cpp-dev"
test="$build doctest-dev python3 strace openssl iproute2 nftables mandoc"
deb="$build debhelper"
check="$test $deb clang clang-tidy clang-format cppcheck shellcheck lintian systemd"
fuzz="$build clang libclang-rt-dev"
coverage="$test gcovr"

case ${1:-} in
  build) wanted=$build ;;
  test) wanted=$test ;;
  deb) wanted=$deb ;;
  check) wanted=$check ;;
  fuzz) wanted=$fuzz ;;
  coverage) wanted=$coverage ;;
  *)
    echo "usage: $0 build|test|deb|check|fuzz|coverage" >&2
    exit 64
    ;;
esac

missing=
for package in $wanted; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing packages:$missing (this is not Debian: install their like by hand)" >&2
  exit 69
fi
as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "missing packages:$missing (install them, or run this as root or with sudo)" >&2
    exit 77
  }
  as_root=sudo
fi
echo "installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  $missing >/dev/null
