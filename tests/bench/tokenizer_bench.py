#!/usr/bin/env python3
"""tokenizer_bench.py BENCH_PROGRAM TOKENIZER.json TEXT...: Fabula beside Hugging Face's tokenizers (pip install tokenizers), in one
run, one core each, ten megabytes of the texts. Speeds are MB (1e6 bytes) per second of processor time; ids must be equal in number."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer, __version__  # noqa: E402

program, tokenizer_json, *files = sys.argv[1:]
text = "\n".join(pathlib.Path(file).read_text(encoding="utf-8") for file in files)
text = (text * max(1, round(10e6 / len(text.encode())))).encode()[:10_000_000].decode(errors="ignore")

with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
    file.write(text)
    file.flush()
    ours = json.loads(subprocess.run([program, tokenizer_json, file.name, "3"], check=True, capture_output=True).stdout)

begin = time.process_time()
tokenizer = Tokenizer.from_file(tokenizer_json)
load_seconds = time.process_time() - begin
runs = []
for _ in range(3):
    begin = time.process_time()
    tokens = len(tokenizer.encode(text).ids)
    runs.append(time.process_time() - begin)
megabytes = len(text.encode()) / 1e6
print(f"text {megabytes:.1f} MB, {ours['tokens']} tokens, {'equal' if tokens == ours['tokens'] else f'NOT equal: {tokens}'} in number")
print(f"Fabula                  {ours['best_mb_per_s']:7.2f} MB/s best, {ours['median_mb_per_s']:7.2f} median, loaded in {ours['load_seconds']:.2f} s")
print(f"tokenizers {__version__:<12} {megabytes / min(runs):7.2f} MB/s best, {megabytes / sorted(runs)[1]:7.2f} median, loaded in {load_seconds:.2f} s")
sys.exit(tokens != ours["tokens"])
