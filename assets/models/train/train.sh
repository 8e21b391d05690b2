#!/usr/bin/env bash
# train.sh WORK_FOLDER: the built-in story model from nothing (README.md). Needs FABULA_TESTDATA, a fabula-cli and Python 3.11;
# goes on where it stood when it was stopped. About two hours on one free core.
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
  ./sample_stories teacher.f32 sampled.u16 10000000 11
  "$python" "$here/prepare_data.py" "$data" sampled.u16 .
fi

# Most steps on short windows, where attention costs little; then the context that the model is to have.
train() { "$python" "$here/train_story.py" --data . --run run --steps 1100 --decay 1100 "$@"; }
train --batch 16 --context 256 --until 1670
train --batch 8 --context 512 --decay-mix teacher=0.25,tales=0.15,real=0.6

"$python" "$here/export_gguf.py" run/checkpoint.pt fabula.model story-f32.gguf
"$cli" models quantize story-f32.gguf q8_0 -o fabula-story.gguf
"$cli" score -m fabula-story.gguf --text held.txt --json
