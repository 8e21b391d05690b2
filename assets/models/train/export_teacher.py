"""Writes TinyStories-656K's weights as the flat f32 file that sample_stories reads."""
import json
import struct
import sys
from pathlib import Path

import numpy as np


def read_safetensors(path):
    data = Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    return {
        name: np.frombuffer(data, "<f4", offset=8 + size + entry["data_offsets"][0],
                            count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        for name, entry in header.items() if name != "__metadata__"
    }


def main():
    tensors = read_safetensors(Path(sys.argv[1]) / "model.safetensors")
    order = [tensors["lm_head.weight"]]
    for i in range(2):
        p = f"model.layers.{i}."
        order += [tensors[p + name + ".weight"] for name in (
            "input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")]
    order.append(tensors["model.norm.weight"])
    Path(sys.argv[2]).write_bytes(b"".join(t.astype("<f4").tobytes() for t in order))


if __name__ == "__main__":
    main()
