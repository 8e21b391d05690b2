#!/bin/sh
# run_fuzz.sh TARGET SECONDS CORPUS...: one libFuzzer run from the corpus (below FABULA_TESTDATA where
# a name is not absolute); new inputs stay in ./corpus-TARGET.
set -eu
target=$1 seconds=$2
shift 2
name=$(basename "$target")
own=corpus-$name seeds=seeds-$name
mkdir -p "$own" "$seeds"
for entry in "$@"; do
  case $entry in
    /*) ;;
    *) entry=${FABULA_TESTDATA:-/nonexistent}/$entry ;;
  esac
  [ -e "$entry" ] || continue
  find "$entry" -type f -size -512k | while read -r file; do
    copy=$seeds/$(echo "$file" | sha256sum | cut -c1-32)
    [ -e "$copy" ] && continue
    case $file in
      *.xz) xz -dc "$file" > "$copy" ;;
      *) cp "$file" "$copy" ;;
    esac
  done
done
exec "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="./crash-$name-" "$own" "$seeds"
