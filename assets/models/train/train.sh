#!/usr/bin/env bash
# train.sh WORK_FOLDER: the built-in story model from nothing (README.md). Needs FABULA_TESTDATA, a fabula-cli and Python 3.11;
# goes on where it stood when it was stopped. About four hours on one free core.
#   TINY=1            every stage with a few steps each, in some minutes: shows that all of it works; the model is worth nothing
#   TRAIN_PYTHON=...  a Python that has requirements.txt already, instead of an environment of its own in WORK_FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cli=${FABULA_CLI:-$here/../../../build/release/app/cli/fabula-cli}
data=${FABULA_TESTDATA:?the folder with text/ and models/}
work=${1:?a folder to work in}
share=$([ "${TINY:-}" = 1 ] && echo 150 || echo 1) # a tiny run takes one step for this many
mkdir -p "$work"
cd "$work"
python=${TRAIN_PYTHON:-$PWD/venv/bin/python}
[ -x "$python" ] || { python3 -m venv venv && "$python" -m pip install -q -r "$here/requirements.txt"; }

if [ ! -e data.done ]; then
  g++ -O3 -march=native -ffast-math -std=c++20 "$here/sample_stories.cpp" -o sample_stories
  "$python" "$here/export_teacher.py" "$data/models/tinystories-656k" teacher.f32
  rm -f sampled.u16
  ./sample_stories teacher.f32 sampled.u16 $((18000000 / share)) 11
  "$python" "$here/prepare_data.py" "$data" sampled.u16 $((40000 / share)) .
  touch data.done
fi

# train UNTIL BATCH CONTEXT FALL LENGTH MIXTURE: to that step of the whole run, with a rate that falls from step FALL on to nothing
# LENGTH steps later; what is done is passed over.
train() {
  "$python" "$here/train_story.py" --data . --run run --until $(($1 / share)) --batch "$2" --context "$3" \
    --steps $(($4 / share)) --decay $(($5 / share)) --mix "$6" --decay-mix "$6"
}
# Four layers on text without end, then six; composed and real stories come last. Short windows while that is enough: attention costs less.
train 4667 16 256 9000 900 teacher=0.6,tales=0.3,real=0.1
"$python" "$here/grow_story.py" run/checkpoint.pt 0,1,n,2,n,3
train 4844 16 256 9000 900 teacher=0.5,tales=0.3,real=0.2
train 5200 11 384 9000 900 composed=0.4,real=0.25,tales=0.15,teacher=0.2
train 5373 11 384 5200 450 composed=0.45,real=0.45,tales=0.1
train 5520 11 384 5200 450 composed=0.8,real=0.2
train 5580 4 1024 5200 380 composed=0.8,real=0.2
train 5710 4 1024 5385 325 composed=0.6,real=0.4 # the rate once more, from 0.4 down to zero
train 5770 4 1024 5560 210 composed=0.88,real=0.12
train 5990 4 1024 5440 550 composed=0.75,real=0.25
train 6070 4 1024 5750 320 composed=0.97,real=0.03

"$python" "$here/export_gguf.py" run/checkpoint.pt fabula.model story-f32.gguf
"$cli" models quantize story-f32.gguf q8_0 -o fabula-story.gguf
"$cli" score -m fabula-story.gguf --text held.txt --json
"$cli" generate -m fabula-story.gguf -p "Once upon a time" --max-tokens 300 --seed 1
