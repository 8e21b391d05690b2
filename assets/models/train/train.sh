#!/usr/bin/env bash
# train.sh WORK_FOLDER: the built-in story model from nothing (README.md). Needs FABULA_TESTDATA, a fabula-cli and Python 3.11;
# goes on where it stood when it was stopped. About three hours on one free core.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=${FABULA_CLI:-$here/../../../build/release/app/cli/fabula-cli}
data=${FABULA_TESTDATA:?the folder with text/ and models/}
work=${1:?a folder to work in}
mkdir -p "$work"
cd "$work"
python=$work/venv/bin/python
[ -x "$python" ] || { python3 -m venv venv && "$python" -m pip install -q -r "$here/requirements.txt"; }

if [ ! -e real.docs.bin ]; then
  g++ -O3 -march=native -ffast-math -std=c++20 "$here/sample_stories.cpp" -o sample_stories
  "$python" "$here/export_teacher.py" "$data/models/tinystories-656k" teacher.f32
  rm -f sampled.u16
  ./sample_stories teacher.f32 sampled.u16 18000000 11
  "$python" "$here/prepare_data.py" "$data" sampled.u16 .
fi

# Most steps on short windows, where attention costs little; while the rate falls, twice as long ones, then those of the model's context.
train() {
  "$python" "$here/train_story.py" --data . --run run --mix teacher=0.6,tales=0.3,real=0.1 --decay-mix teacher=0.35,tales=0.25,real=0.4 "$@"
}
train --steps 4667 --decay 1500 --batch 16 --context 256 --until 5567
train --steps 4667 --decay 1500 --batch 8 --context 512 --until 5967
train --steps 4667 --decay 1500 --batch 4 --context 1024 --until 6167
train --steps 4127 --decay 2400 --batch 4 --context 1024 # the rate once more, from 0.15 down to zero

"$python" "$here/export_gguf.py" run/checkpoint.pt fabula.model story-f32.gguf
"$cli" models quantize story-f32.gguf q8_0 -o fabula-story.gguf
"$cli" score -m fabula-story.gguf --text held.txt --json
