#!/usr/bin/env python3
"""Files that `models quantize` writes, loaded by llama.cpp itself: for every type, from a Hugging Face folder and from
GGUF files, llama.cpp's logits against Fabula's of the same file.

    llama_cpp_test.py FABULA_CLI        needs llama-cpp-python and numpy (FABULA_PYTHON_PATH); says so where it has none

The bound: both engines read the same bytes. F32 differs by the order of sums; for F16 and BF16 llama.cpp rounds the
activations too, to 11 and 8 bits (2^-12 and 2^-9 of each factor at most).
For quantised types Fabula runs with the weights dequantised to f32, so that the whole difference is llama.cpp's int8
activations: a block's largest value in 127 steps is an error of at most 1/254 of it, about 0.3 % of a typical value in
each of the products of a layer, and these models have 2 to 5 layers of seven products."""

import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

sys.path[:0] = [p for p in os.environ.get("FABULA_PYTHON_PATH", "").split(":") if p]
SKIP = 77

try:
    import llama_cpp
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}; FABULA_PYTHON_PATH names no folder with llama-cpp-python and numpy")
    sys.exit(SKIP)
TESTDATA = os.environ.get("FABULA_TESTDATA")
if not TESTDATA:
    print("skipped: FABULA_TESTDATA does not name the folder of the test vectors")
    sys.exit(SKIP)

BOUNDS = {"F32": 1e-5, "F16": 2e-3, "BF16": 1e-2}
QUANTISED_BOUND = 4e-2
PROMPT = [1, 80, 147, 201, 288, 330, 17, 402, 96, 255, 311, 64]


def run(cli, *arguments):
    done = subprocess.run([cli, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def writable_types(cli, source):
    """The refusal of an unknown type lists those that are known."""
    done = subprocess.run([cli, "models", "quantize", source, "none", "-o", "none.gguf"], capture_output=True, text=True)
    return re.search(r"it writes (.*)", done.stderr).group(1).split(", ")


def wide_folder(folder):
    """A llama of random bf16 weights whose rows fill blocks of 256, with the vocabulary of the story model."""
    source = pathlib.Path(TESTDATA) / "models/tinystories-656k"
    config = json.loads((source / "config.json").read_text())
    hidden, ffn, layers, vocab = 256, 512, 2, config["vocab_size"]
    config.update(hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        p = f"model.layers.{i}."
        for name, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            shapes[f"{p}self_attn.{name}_proj.weight"] = (rows, hidden)
        shapes.update({f"{p}mlp.gate_proj.weight": (ffn, hidden), f"{p}mlp.up_proj.weight": (ffn, hidden), f"{p}mlp.down_proj.weight": (hidden, ffn),
                       f"{p}input_layernorm.weight": (hidden,), f"{p}post_attention_layernorm.weight": (hidden,)})
    rng, header, data = np.random.default_rng(4), {}, b""
    for name, shape in shapes.items():
        values = rng.normal(1.0 if len(shape) == 1 else 0.0, 0.2 if len(shape) == 1 else 0.06, shape).astype(np.float32)
        bits = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [len(data), len(data) + len(bits)]}
        data += bits
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


def logits_of_llama_cpp(path):
    model = llama_cpp.Llama(str(path), n_ctx=64, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False, type_k=0, type_v=0)
    model.eval(PROMPT)
    return np.array(model.scores[:len(PROMPT)], dtype=np.float64)


def logits_of_fabula(cli, path, folder):
    out = folder / "logits.f32"
    run(cli, "--data-dir", folder / "data", "logits", "-m", path, "--precision", "f32", "--prompt-tokens", ",".join(map(str, PROMPT)), "-o", out)
    return np.fromfile(out, dtype=np.float32).reshape(len(PROMPT), -1).astype(np.float64)


def main():
    cli = sys.argv[1]
    failures, checks = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        models = pathlib.Path(TESTDATA) / "models"
        sources = {"tinystories folder": models / "tinystories-656k", "stories260K F32": models / "stories260k/generated/stories260K-F32.gguf",
                   "rows of 256": wide_folder(folder / "wide")}
        for name, source in sources.items():
            if not source.exists():
                print(f"passed over: {source} is not there")
                continue
            for kind in writable_types(cli, source):
                written = folder / "written.gguf"
                run(cli, "models", "quantize", source, kind, "-o", written, "--no-perplexity")
                theirs, ours = logits_of_llama_cpp(written), logits_of_fabula(cli, written, folder)
                error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
                bound = BOUNDS.get(kind, QUANTISED_BOUND)
                checks += 1
                print(f"{name:20} {kind:6} relative {error:.2e} (bound {bound:.0e})")
                if not error <= bound:
                    failures.append(f"{name} {kind}: {error:.2e} > {bound:.0e}")
    print(f"{checks} files, {len(failures)} failures", *failures, sep="\n  ")
    sys.exit(bool(failures) or checks == 0)


main()
