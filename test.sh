#!/usr/bin/env bash
# All of Fabula's tests in one command: installs what is missing, builds, runs.
#   ./test.sh          what every change must pass (at most 30 minutes on two cores)
#   ./test.sh --full   the long suites too, each within the budget it prints
set -euo pipefail
cd "$(dirname "$0")"
source packaging/setup/setup.sh

full=0
case ${1:-} in
  '') ;;
  --full) full=1 ;;
  *) die "unknown option $1; see the head of test.sh" ;;
esac

ensure_packages packaging/setup/packages.txt packaging/setup/packages-test.txt
preset=release
[ "${CI:-}" = true ] && preset=ci

if [ -z "${FABULA_TESTDATA:-}" ] && [ -d ../shared/testdata ]; then
  FABULA_TESTDATA=$(cd ../shared/testdata && pwd)
  export FABULA_TESTDATA
fi
if ensure_chat_model optional; then
  FABULA_CHAT_MODEL=$(chat_model_path)
  export FABULA_CHAT_MODEL
fi
[ "$full" = 1 ] && export FABULA_FULL=1

passed=0 failed=0 skipped=0
# suite NAME FOLDER [ctest options]: runs and counts; a failure is shown whole, and the others still run.
suite() {
  local name=$1 folder=$2 started=$SECONDS log
  shift 2
  log=build/log/$name.log
  mkdir -p build/log
  say "$name tests ..."
  ctest --test-dir "$folder" --output-on-failure --no-tests=error --timeout "${FABULA_TEST_TIMEOUT:-600}" "$@" 2>&1 | tee "$log" |
    sed -n '/Passed\|Failed\|\*\*\*\|ERROR\|tests passed/p; /Start.*[0-9]: /!{/^[^ 0-9].*\(error\|assert\)/p}' || true
  local p f s
  p=$(grep -c '   Passed ' "$log" || true)
  s=$(grep -c '\*\*\*Skipped\|\*\*\*Not Run' "$log" || true)
  f=$(grep -cE '\*\*\*(Failed|Exception|Timeout)' "$log" || true)
  [ "$((p + s + f))" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  [ "$f" = 0 ] || sed -n '/\*\*\*\(Failed\|Exception\|Timeout\)/,/^ *[0-9]*\/[0-9]* Test/p' "$log" | tail -n 120
  say "$name tests: $p passed, $f failed, $s skipped in $((SECONDS - started)) s"
}

build_targets "$preset" all
suite release "build/$preset" -j 2

# One clang build serves twice: every core test under AddressSanitizer and UBSan, and the libFuzzer targets from the corpus.
cmake --preset fuzz -DFABULA_FUZZ_SECONDS=$((full ? 600 : 10)) >/dev/null
build_targets fuzz all
suite sanitizer build/fuzz -j 2 -LE 'fuzz|slow'
suite fuzz build/fuzz -L fuzz -j 2

# The lock-free ring and the whole server in mixed traffic under ThreadSanitizer; --full takes every test.
export TSAN_OPTIONS="suppressions=$PWD/tests/support/tsan.supp ${TSAN_OPTIONS:-}"
if [ "$full" = 1 ]; then
  build_targets tsan all
  suite thread build/tsan
else
  build_targets tsan base_test fabula-cli
  suite thread build/tsan -R '^(base_test|server_soak)$'
fi

# The packages, built and tried in a clean system of their own; only root can make one.
packages=77
if [ "$(id -u)" = 0 ]; then
  packages=0
  (packaging/package.sh >/dev/null && packaging/test_packages.sh) || packages=$?
fi
case $packages in
  0) passed=$((passed + 1)) ;;
  77) skipped=$((skipped + 1)) && say "packages: skipped, a clean system needs root, name spaces and a package mirror" ;;
  *) failed=$((failed + 1)) ;;
esac

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
