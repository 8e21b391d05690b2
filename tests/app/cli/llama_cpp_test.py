#!/usr/bin/env python3
"""Files that `models quantize` writes, loaded by llama.cpp itself: for every type, from a Hugging Face folder and from
GGUF files, llama.cpp's logits against Fabula's of the same file.

    llama_cpp_test.py FABULA_CLI        needs llama-cpp-python and numpy (FABULA_PYTHON_PATH); says so where it has none

With FABULA_FULL=1 also folders of random weights in the shapes of SmolLM2-135M and Llama-3.2-1B (about 4 GB of disk and 8 of memory).

The bound: both engines read the same bytes. F32 differs by the order of sums; for F16 and BF16 llama.cpp rounds the
activations too, to 11 and 8 bits (2^-12 and 2^-9 of each factor at most).
For quantised types Fabula runs with the weights dequantised to f32, so that the whole difference is llama.cpp's int8
activations. What such a rounding costs this very file and prompt is measured beside it: Fabula's own int8 activations against
its f32 ones. llama.cpp's blocks of 256 for K-types are 1.3 times as coarse (the largest of 256 normal values against that of
32), and it has no second plane for outliers; a factor of NOISE covers both."""

import json
import lzma
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
NOISE = 3
SHIPPED = pathlib.Path(__file__).resolve().parents[3] / "assets/models"  # what comes with Fabula
# hidden, ffn, layers, heads, KV heads, vocabulary, rope theta, tied, tokenizer, types
SHAPES = {"SmolLM2-135M": (576, 1536, 30, 9, 3, 49152, 1e5, True, "mistral-minueza", ("F16", "Q8_0", "Q4_0")),
          "Llama-3.2-1B": (2048, 8192, 16, 32, 8, 128256, 5e5, True, "llama3.1", ("Q4_0", "Q4_K"))}
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


def random_folder(folder, config, tokenizer):
    """A llama of random bf16 weights, written tensor by tensor."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_bytes(tokenizer)
    hidden, ffn, layers, vocab = (config[k] for k in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size"))
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        p = f"model.layers.{i}."
        for name, rows in (("q", hidden), ("k", kv), ("v", kv), ("o", hidden)):
            shapes[f"{p}self_attn.{name}_proj.weight"] = (rows, hidden)
        shapes.update({f"{p}mlp.gate_proj.weight": (ffn, hidden), f"{p}mlp.up_proj.weight": (ffn, hidden), f"{p}mlp.down_proj.weight": (hidden, ffn),
                       f"{p}input_layernorm.weight": (hidden,), f"{p}post_attention_layernorm.weight": (hidden,)})
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text, rng = json.dumps(header).encode(), np.random.default_rng(4)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for shape in shapes.values():
            spread = 0.2 if len(shape) == 1 else 0.96 / shape[-1] ** 0.5  # rows of about unit length
            values = rng.standard_normal(shape, dtype=np.float32) * np.float32(spread) + np.float32(len(shape) == 1)
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
    return folder


def wide_folder(folder):
    """Rows that fill blocks of 256, with the vocabulary of the story model."""
    source = pathlib.Path(TESTDATA) / "models/tinystories-656k"
    config = json.loads((source / "config.json").read_text())
    config.update(hidden_size=256, intermediate_size=512, num_hidden_layers=2)
    return random_folder(folder, config, (source / "tokenizer.json").read_bytes())


def shape_folder(folder, name):
    hidden, ffn, layers, heads, kv_heads, vocab, theta, tied, tokenizer, _ = SHAPES[name]
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "rms_norm_eps": 1e-5, "hidden_size": hidden,
              "intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
              "vocab_size": vocab, "rope_theta": theta, "max_position_embeddings": 8192, "tie_word_embeddings": tied, "bos_token_id": 1, "eos_token_id": 2}
    source = pathlib.Path(TESTDATA) / "tokenizers/hf" / tokenizer
    packed = source / "tokenizer.json.xz"
    return random_folder(folder, config, lzma.decompress(packed.read_bytes()) if packed.exists() else (source / "tokenizer.json").read_bytes())


def logits_of_llama_cpp(path):
    model = llama_cpp.Llama(str(path), n_ctx=64, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False, type_k=0, type_v=0)
    model.eval(PROMPT)
    return np.array(model.scores[:len(PROMPT)], dtype=np.float64)


def logits_of_fabula(cli, path, folder, precision):
    out = folder / "logits.f32"
    run(cli, "--data-dir", folder / "data", "logits", "-m", path, "--precision", precision, "--prompt-tokens", ",".join(map(str, PROMPT)), "-o", out)
    return np.fromfile(out, dtype=np.float32).reshape(len(PROMPT), -1).astype(np.float64)


def main():
    cli = sys.argv[1]
    failures, checks = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        models = pathlib.Path(TESTDATA) / "models"

        def check(name, kind, written):
            nonlocal checks
            theirs, ours = logits_of_llama_cpp(written), logits_of_fabula(cli, written, folder, "f32")
            error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
            bound = BOUNDS.get(kind)
            if bound is None:
                rounded = logits_of_fabula(cli, written, folder, "auto")
                bound = NOISE * np.linalg.norm(rounded - ours) / np.linalg.norm(ours)
            checks += 1
            print(f"{name:20} {kind:6} relative {error:.2e} (bound {bound:.1e})")
            if not error <= bound:
                failures.append(f"{name} {kind}: {error:.2e} > {bound:.1e}")

        sources = {"tinystories folder": models / "tinystories-656k", "stories260K F32": models / "stories260k/generated/stories260K-F32.gguf",
                   "rows of 256": wide_folder(folder / "wide")}
        if os.environ.get("FABULA_FULL") == "1":
            sources.update({name: None for name in SHAPES})
        for name, source in sources.items():
            if name in SHAPES:
                source = shape_folder(folder / name, name)
            if not source.exists():
                print(f"passed over: {source} is not there")
                continue
            for kind in SHAPES[name][-1] if name in SHAPES else writable_types(cli, source):
                written = folder / "written.gguf"
                run(cli, "models", "quantize", source, kind, "-o", written, "--no-perplexity")
                check(name, kind, written)
        for shipped in SHIPPED.glob("*.gguf"):
            check(shipped.stem, "Q8_0", shipped)
    print(f"{checks} files, {len(failures)} failures", *failures, sep="\n  ")
    sys.exit(bool(failures) or checks == 0)


main()
