#!/bin/bash
# Runs the unit tests and every scenario of one build, and closes with `N passed, M failed, K skipped`.
#
#   tests/run.sh BUILD_DIRECTORY [SCENARIO...]
#
# Two scenarios run at a time. SLOW multiplies their deadlines. Each may take LIMIT seconds (default
# 180 times SLOW).
set -euo pipefail

cd "$(dirname "$0")/.."
build=$1
shift
scenarios=("$@")
if [ ${#scenarios[@]} = 0 ]; then
  for script in tests/scenario/*.sh; do
    [ "$script" = tests/scenario/lib.sh ] || scenarios+=("$script")
  done
fi
export BIN=$PWD/$build SLOW=${SLOW:-1}
export LIMIT=${LIMIT:-$((180 * SLOW))}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# One scenario, its output kept until it is over; what it ended with is its last line.
run_one() {
  local name status=0 start=$SECONDS
  name=$(basename "$1" .sh)
  timeout --kill-after=10 "$LIMIT" "$1" >"$RESULTS/$name" 2>&1 || status=$?
  case $status in
    0 | 1 | 77) ;;
    124 | 137) echo "not ok - $name did not end within $LIMIT s" >>"$RESULTS/$name" ;;
    *) echo "not ok - $name broke off with status $status" >>"$RESULTS/$name" ;;
  esac
  # A scenario that failed without saying which check it was.
  if [ "$status" = 1 ] && ! grep -q '^not ok' "$RESULTS/$name"; then
    echo "not ok - $name broke off" >>"$RESULTS/$name"
  fi
  {
    flock 9
    echo "== $name ($((SECONDS - start)) s)"
    grep -v '^$' "$RESULTS/$name" || true
  } 9>"$RESULTS/.lock"
}
export -f run_one
export RESULTS=$results

count() { cat "$results"/* | grep -c -- "$1" || true; }

echo "== unit tests"
unit_status=0
"$build/unit_tests" >"$results/.unit" 2>&1 || unit_status=$?
cat "$results/.unit"
unit_line=$(grep 'test cases:' "$results/.unit" || true)
unit_passed=$(sed -n 's/.*| *\([0-9]*\) passed.*/\1/p' <<<"$unit_line" | head -n 1)
unit_failed=$(sed -n 's/.*| *\([0-9]*\) failed.*/\1/p' <<<"$unit_line" | head -n 1)
unit_passed=${unit_passed:-0} unit_failed=${unit_failed:-0}
# A crash, or a sanitizer's report at the very end, fails without being a test case.
if [ "$unit_status" != 0 ] && [ "$unit_failed" = 0 ]; then
  echo "not ok - the unit tests ended with status $unit_status"
  unit_failed=1
fi

# shellcheck disable=SC2016 # for the inner shell to expand
printf '%s\0' "${scenarios[@]}" | xargs -0 -n 1 -P "${JOBS:-2}" bash -c 'run_one "$1"' run_one

passed=$((unit_passed + $(count '^ok - ')))
failed=$((unit_failed + $(count '^not ok - ')))
skipped=$(count '^skip - ')
if [ "$failed" -gt 0 ]; then
  echo "== failed"
  grep -H '^not ok - ' "$results"/* | sed "s|^$results/||" || true
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
