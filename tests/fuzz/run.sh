#!/bin/bash
# Runs the fuzz targets (all of them, or those named) for FUZZ_SECONDS (default 60) each, JOBS at a
# time, from the inputs in tests/fuzz/corpus and those that earlier runs have left in build/.
#
#   tests/fuzz/run.sh PROGRAM [TARGET...]
#
# An input that breaks something is kept in findings/ beside the program, and
# `FUZZ_TARGET=TARGET PROGRAM FILE` shows it again. Mended, it goes to tests/fuzz/corpus/TARGET. Other
# inputs that are worth keeping, the smallest for each thing that they reach:
# `FUZZ_TARGET=TARGET PROGRAM -merge=1 tests/fuzz/corpus/TARGET build/fuzz/corpus/TARGET`.
set -euo pipefail

program=$(realpath "$1")
shift
cd "$(dirname "$0")/../.."
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  for directory in tests/fuzz/corpus/*/; do
    targets+=("$(basename "$directory")")
  done
fi
export PROGRAM=$program FUZZ_SECONDS=${FUZZ_SECONDS:-60}
OUT=$(dirname "$program")
export OUT

run_one() {
  local target=$1 dictionary=json status=0 log
  case $target in *_config) dictionary=yaml ;; esac
  mkdir -p "$OUT/corpus/$target" "$OUT/findings"
  log=$OUT/findings/$target.log
  FUZZ_TARGET=$target "$PROGRAM" -max_total_time="$FUZZ_SECONDS" -max_len=8192 -timeout=20 \
    -rss_limit_mb=1024 -print_final_stats=1 -dict="tests/fuzz/$dictionary.dict" \
    -artifact_prefix="$OUT/findings/$target-" \
    "$OUT/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
  if [ "$status" = 0 ]; then
    echo "ok - $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
  else
    grep -E '^(==|SUMMARY|artifact|Test unit)|error:|what\(\)' "$log" | head -n 8 || true
    echo "not ok - $target: status $status, see $log"
    return 1
  fi
}
export -f run_one

# shellcheck disable=SC2016 # for the inner shell to expand
printf '%s\0' "${targets[@]}" | xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'run_one "$1"' run_one
