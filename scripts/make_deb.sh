#!/bin/sh
# Makes build/deb/piecework_VERSION_ARCH.deb of the programs in $BUILD (default build/release), with
# debhelper. No root, no fakeroot: everything in the package belongs to root anyway.
set -eu

cd "$(dirname "$0")/.."
version=$(sed -n 's/.*kVersion = "\(.*\)".*/\1/p' common/version.h)
packaged=$(sed -n '1s/.*(\(.*\)).*/\1/p' config/debian/changelog)
if [ "$packaged" != "$version" ]; then
  echo "config/debian/changelog is about $packaged, the programs are $version" >&2
  exit 65
fi

rm -rf build/deb
mkdir -p build/deb/piecework
cp -r config/debian build/deb/piecework/debian
# Debhelper starts make by itself: what the make above us was told is not meant for that one.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
BUILD=${BUILD:-build/release} DEB_BUILD_OPTIONS=noautodbgsym \
  sh -c 'cd build/deb/piecework && debian/rules binary' >build/deb/log 2>&1 || {
    cat build/deb/log >&2
    exit 74
  }
echo build/deb/piecework_*.deb
