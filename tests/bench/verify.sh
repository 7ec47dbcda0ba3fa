#!/bin/bash
# How fast existing data is checked, beside `openssl speed` for the same hash on as many cores: that
# hashes one small buffer over and over, so it is what the processors can do without any memory or file.
#
#   verify.sh [MIB]
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mib=${1:-2048}

# Bytes per second, all processes together, of SHA-256 in blocks of 16 KiB.
openssl_rate() {
  openssl speed -multi "$(nproc)" -seconds 2 -bytes 16384 -evp sha256 2>/dev/null |
    awk '$1 == "sha256" || $1 == "evp" { sub("k$", "", $2); rate = $2 * 1000 } END { printf "%.0f\n", rate }'
}

[ -n "$(type -P openssl)" ] || skip "there is no openssl (apt-get install openssl)"
random_file $((mib << 20)) "$work/file.bin"
tracker=127.0.0.1:1 make_torrent "$work/file.bin" "$work/file.torrent"
for _ in $(seq "$RUNS"); do
  from=$(now)
  "$BIN/peerctl" verify "$work/file.torrent" "$work/file.bin" >/dev/null 2>&1 || not_ok "it does not verify"
  sample ours "$(calculate "$mib / ($(now) - $from)" 0)"
  sample openssl "$(calculate "$(openssl_rate) / 1048576" 0)"
done
row "$(calculate "$(median ours) / $(median openssl)" 2)" '>=0.9' "check of $mib MiB in memory: MiB/s" \
  "$(spread ours 0)" "openssl speed, $(nproc) processes $(spread openssl 0)"
finish
