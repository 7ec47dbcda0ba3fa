#!/bin/bash
# The Debian package on a booted system: installed, started, reloaded, hung, stopped, upgraded, removed
# and purged. A real systemd is PID 1 of namespaces made for it, over an overlay of / that goes away
# with them; its network has nothing but lo. What is checked there: systemd_inside.sh.
if [ -z "${IN_NAMESPACE:-}" ]; then
  skip() {
    echo "skip - $*"
    exit 77
  }
  [ "$(id -u)" = 0 ] || skip "booting a systemd needs root"
  [ -x /lib/systemd/systemd ] || skip "there is no systemd here"
  command -v dh >/dev/null || skip "there is no debhelper to make the package: scripts/install_deps.sh deb"
  case ${BIN:-release} in
    */release | release) ;;
    *) skip "sanitizers need what the units' sandbox forbids" ;;
  esac
  unshare --pid --fork --mount --net --uts --ipc --cgroup true 2>/dev/null ||
    skip "booting a systemd needs namespaces of every kind"
  IN_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cgroups=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)
[ -n "$cgroups" ] || skip "there is no cgroup2 hierarchy"
group=$cgroups/${work##*/}
system=$work/system
mkdir "$system"
mount -t tmpfs -o mode=0755 none "$system"
mounts+=("$system")
mkdir "$system"/{upper,work,root}
root=$system/root
mount -t overlay none -o "lowerdir=/,upperdir=$system/upper,workdir=$system/work" "$root" 2>/dev/null ||
  skip "this host's / cannot be the lower layer of an overlay"
mounts=("$root" "${mounts[@]}")
mkdir "$group" 2>/dev/null || skip "no cgroup can be made here"
rmdir "$group"

# The package, of the programs that are tested.
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "BUILD=build/$(basename "$BIN")" \
  "$here/../../scripts/make_deb.sh" >"$work/make_deb.log" 2>&1 || {
  not_ok "the package is made"
  sed 's/^/# /' "$work/make_deb.log"
  finish
}
mkdir -p "$root/piecework/scenario"
cp "$here/../../$(tail -n 1 "$work/make_deb.log")" "$root/piecework/piecework.deb"
cp "$here/lib.sh" "$here/../support/systemd_inside.sh" "$root/piecework/scenario/"
cp -r "$support" "$root/piecework/support"

# It boots to the test and no further; the test's end is the system's.
units=$root/etc/systemd/system
mkdir -p "$units"
for unit in systemd-{timesyncd,networkd,resolved,udevd,udev-trigger,binfmt,sysctl,firstboot,modules-load,random-seed,journal-catalog-update,update-utmp,hwdb-update}; do
  ln -sfn /dev/null "$units/$unit.service"
done
rm -f "$root/usr/sbin/policy-rc.d" # of hosts that start nothing
: >"$root/etc/fstab"
: >"$root/etc/machine-id"
cat >"$units/test.target" <<'END'
[Unit]
Requires=sysinit.target
Wants=test.service
After=sysinit.target
AllowIsolate=yes
END
cat >"$units/test.service" <<END
[Unit]
DefaultDependencies=no
After=sysinit.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/piecework/scenario/systemd_inside.sh
Environment=HOME=/root LANG=C.UTF-8 SYSTEMD_PAGER= SLOW=$SLOW
StandardOutput=append:/piecework/out
StandardError=inherit
TimeoutStartSec=infinity
END

# shellcheck disable=SC2016 # for the inner shell to expand
boot='
set -e
echo 0 >"$2/cgroup.procs"
exec unshare --pid --fork --kill-child --mount --net --uts --ipc --cgroup bash -ec '\''
  cd "$1"
  mount -t proc proc proc
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs dev
  for device in null zero full random urandom tty; do
    : >dev/$device
    mount --bind /dev/$device dev/$device
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  for directory in dev/shm tmp; do mount -t tmpfs -o mode=1777 tmpfs $directory; done
  mount -t tmpfs -o mode=755 tmpfs run
  mkdir -p .old
  pivot_root . .old
  umount -l /.old
  exec env -i container=piecework PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=test.target --log-target=journal-or-kmsg --show-status=no
'\'' boot "$1"
'
status=0
mkdir "$group"
timeout --signal=KILL $((100 * SLOW)) bash -c "$boot" boot "$root" "$group" \
  </dev/null >"$work/boot.log" 2>&1 || status=$?

# The group is empty a moment after the last of its processes has gone.
empty_group() { find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || [ ! -d "$group" ]; }
wait_until 5 empty_group || echo "# $group stays behind"

cat "$root/piecework/out" 2>/dev/null || true
failures=$(grep -c '^not ok - ' "$root/piecework/out" || true)
if ! grep -q '^# the end' "$root/piecework/out"; then
  not_ok "systemd boots, and the checks run to their end (status $status)"
  cat "$work/boot.log"
fi
if [ "$failures" != 0 ]; then
  journalctl --no-pager -q -D "$root/var/log/journal" -o short-monotonic 2>/dev/null | tail -n 100 | sed 's/^/# /' || true
fi
finish
