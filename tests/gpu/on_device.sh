#!/bin/bash
# Everything that wants a GPU, in one go, for a machine that is lent for minutes: tests, compute-sanitizer, benches with shares.
#   tests/gpu/on_device.sh OUTPUT_FOLDER [BUILD_FOLDER]
# BUILD_FOLDER: one that is already built (it may have been built elsewhere); else the preset "cuda" is built here.
# Every step writes its own file and goes on when it fails; summary.txt has one line a step. Ends with 1 where any failed.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=$(mkdir -p "$1" && cd "$1" && pwd) || exit 1
build=${2:-build/cuda}
failed=0

step() {  # step NAME SECONDS COMMAND...
  local name=$1 limit=$2 begin=$SECONDS
  shift 2
  if timeout "$limit" "$@" > "$out/$name.txt" 2>&1; then echo "ok      $name $((SECONDS - begin)) s" >> "$out/summary.txt"
  else echo "FAILED  $name $((SECONDS - begin)) s, status $?" >> "$out/summary.txt"; failed=1; fi
}

: > "$out/summary.txt"
step device 30 nvidia-smi
if [ $# -lt 2 ]; then
  step configure 120 cmake --preset cuda -DFABULA_GUI=OFF
  step build 900 cmake --build build/cuda --target gpu_device_test fabula-cli
fi
test=$build/tests/gpu/gpu_device_test
cli=$build/app/cli/fabula-cli

# Correct first.
step tests 300 "$test"
grep -q skipped "$out/tests.txt" && { echo "FAILED  the tests were skipped: no device" >> "$out/summary.txt"; failed=1; }
if command -v compute-sanitizer > /dev/null; then
  # One case with every kernel; racecheck is some hundred times slower than the plain run.
  for tool in memcheck initcheck; do
    step "$tool" 200 compute-sanitizer --tool "$tool" --error-exitcode 9 "$test" -tc="GPU: batch-mates*,GPU: products*,GPU: KV in*,GPU: ties*,GPU: a cut model*"
  done
  step racecheck 200 compute-sanitizer --tool racecheck --error-exitcode 9 "$test" -tc="GPU: batch-mates*,GPU: KV in*,GPU: ties*"
else
  echo "missing compute-sanitizer" >> "$out/summary.txt"
fi

# Then fast: the shares that the ledger (gpu/NOTES.md) predicts.
bench() {  # bench NAME ARGUMENTS...
  local name=$1
  shift
  step "bench-$name" 120 "$cli" bench --device cuda --repeat 3 --json "$@"
}
bench 1b-bf16 --shape llama-3.2-1b --precision bf16 --prompt 2048 --decode 128
bench 8b-bf16 --shape llama-3.1-8b --precision bf16 --prompt 2048 --decode 64
bench 8b-bf16-deep --shape llama-3.1-8b --precision bf16 --prompt 512 --decode 64 --depth 8192
bench 8b-q8_0 --shape llama-3.1-8b --precision q8_0 --prompt 512 --decode 64
bench 8b-q4_0 --shape llama-3.1-8b --precision q4_0 --prompt 512 --decode 64
bench 8b-q4_k --shape llama-3.1-8b --precision q4_k --prompt 512 --decode 64
bench 1b-bf16-batch8 --shape llama-3.2-1b --precision bf16 --prompt 512 --decode 64 --batch 8
bench 8b-bf16-half --shape llama-3.1-8b --precision bf16 --prompt 64 --decode 8 --gpu-layers 16
# A file, for the rate of loading; then the window's own way to a reply.
if [ -n "${FABULA_CHAT_MODEL:-}" ]; then
  bench file -m "$FABULA_CHAT_MODEL" --prompt 512 --decode 128
  step fit 60 "$cli" models fit --json "$FABULA_CHAT_MODEL"
  step generate 60 "$cli" generate -m "$FABULA_CHAT_MODEL" --device cuda -p "Once upon a time" --max-tokens 64 --seed 7 --json
  step generate-again 60 "$cli" generate -m "$FABULA_CHAT_MODEL" --device cuda -p "Once upon a time" --max-tokens 64 --seed 7 --json
  if ! diff <(grep -o '"tokens":\[[^]]*' "$out/generate.txt") <(grep -o '"tokens":\[[^]]*' "$out/generate-again.txt") > /dev/null; then
    echo "FAILED  the same seed gave other words" >> "$out/summary.txt"; failed=1
  fi
fi
if command -v nsys > /dev/null; then
  step profile 200 nsys profile -o "$out/decode" "$cli" bench --device cuda --shape llama-3.1-8b --precision bf16 --prompt 64 --decode 32 --repeat 1
fi
grep -h -E '"(phase|median|share_of_peak|share_of_cublaslt|share_of_upload)"' "$out"/bench-*.txt > "$out/shares.txt" 2> /dev/null
cat "$out/summary.txt"
exit $failed
