#!/bin/bash
# Includes go one way: common knows neither tracker nor peer, and these do not know each other. The
# wrapped libraries stay inside their one module each, OpenSSL inside those for digests, signatures
# and TLS. RapidJSON, OpenSSL and yaml-cpp in headers would reach everyone.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
complain() {
  if [ -n "$2" ]; then
    printf '%s:\n%s\n' "$1" "$2" >&2
    bad=1
  fi
}
complain "common includes tracker or peer" "$(grep -nE '#include "(tracker|peer)/' common/* || true)"
complain "tracker includes peer" "$(grep -nE '#include "peer/' tracker/* || true)"
complain "peer includes tracker" "$(grep -nE '#include "tracker/' peer/* || true)"
for library in rapidjson openssl yaml-cpp; do
  users=$(grep -lE "#include <$library/" common/* tracker/* peer/* |
    grep -vxE 'common/(signing|tls_[a-z]*)\.cc' || true)
  if [ "$(wc -l <<<"$users")" -gt 1 ] || [[ $users == *.h ]]; then
    complain "$library is not kept inside one .cc file" "$users"
  fi
done
exit "$bad"
