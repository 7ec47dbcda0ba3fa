# shellcheck shell=bash
# Sourced first of all by a scenario that mounts small file systems: it goes on in a mount namespace of
# its own, or is skipped where it may not have one.
if [ -z "${IN_NAMESPACE:-}" ]; then
  if [ "$(id -u)" != 0 ] || ! unshare --mount mount -t tmpfs none /mnt 2>/dev/null; then
    echo "skip - mounting a small file system needs root, and a mount namespace"
    exit 77
  fi
  IN_NAMESPACE=1 exec unshare --mount "$0" "$@"
fi
