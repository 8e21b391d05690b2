#!/usr/bin/env python3
"""Tiny random models of every family, with the logits that Hugging Face transformers computes for them in float64.

    pip install torch transformers safetensors
    make_transformers_models.py [NAME ...]        writes transformers/NAME/{config.json, model.safetensors, ids.i32, logits.f32}
                                                  and ids-long.i32, logits-long.f32 where a rope depends on the length

Weights are rounded to bf16, so that the files stay small and every reader sees the same numbers. The prompt is longer than the
sliding windows. Norm weights are random too: a reader that forgets a norm, or the 1 in gemma's (1 + w), does not pass."""

import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, Gemma3ForConditionalGeneration

HERE = pathlib.Path(__file__).parent / "transformers"
TOKENS = 24
BASE = dict(vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2)
MOE = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24)

MODELS = {
    "llama": ("llama", {}),
    "llama-bias-headdim": ("llama", dict(attention_bias=True, mlp_bias=True, head_dim=16, num_key_value_heads=1, tie_word_embeddings=True)),
    "llama-llama3-rope": ("llama", dict(rope_parameters=dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0,
                                                             high_freq_factor=4.0, original_max_position_embeddings=32))),
    "llama-yarn": ("llama", dict(rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32))),
    "llama-linear": ("llama", dict(rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0))),
    "mistral": ("mistral", dict(sliding_window=8, head_dim=8)),
    "mixtral": ("mixtral", dict(num_local_experts=4, num_experts_per_tok=2, sliding_window=None)),
    "qwen2": ("qwen2", dict(use_sliding_window=True, sliding_window=8, max_window_layers=1)),
    "qwen2_moe": ("qwen2_moe", dict(**MOE, shared_expert_intermediate_size=40, norm_topk_prob=False)),
    "qwen3": ("qwen3", dict(head_dim=16)),
    "qwen3_moe": ("qwen3_moe", dict(**MOE, head_dim=16, norm_topk_prob=True)),
    "gemma": ("gemma", dict(head_dim=16, num_key_value_heads=1)),
    "gemma2": ("gemma2", dict(head_dim=16, sliding_window=8, query_pre_attn_scalar=24, attn_logit_softcapping=5.0, final_logit_softcapping=3.0)),
    "gemma3_text": ("gemma3_text", dict(head_dim=16, sliding_window=8, num_hidden_layers=7, query_pre_attn_scalar=24)),
    "phi3": ("phi3", dict(sliding_window=None)),
    "phi3-longrope": ("phi3", dict(original_max_position_embeddings=64, sliding_window=None,
                                   rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.75, original_max_position_embeddings=64,
                                                        short_factor=[1.0, 1.25, 1.5], long_factor=[2.0, 3.0, 4.0]))),
    "llama-dynamic": ("llama", dict(max_position_embeddings=32, rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=4.0))),
    "gemma3-vision": ("gemma3", dict(text_config=dict(**{**BASE, "vocab_size": 40}, head_dim=16, sliding_window=8, query_pre_attn_scalar=24),
                                     vision_config=dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14),
                                     mm_tokens_per_image=4, image_token_index=39, boi_token_index=38, eoi_token_index=37)),
    "qwen3-fp8": ("qwen3", dict(head_dim=16)),
    "llama-fp8-rows": ("llama", {}),
    "llama-fp8-tensor": ("llama", {}),
    "smollm3": ("smollm3", dict(num_hidden_layers=4)),
    "olmo2": ("olmo2", {}),
    "granite": ("granite", dict(embedding_multiplier=6.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=4.0)),
}

LONG = {"phi3-longrope": 80, "llama-dynamic": 100}  # tokens of a second prompt, beyond the original context

# name: (quantization_config as the files of that kind have it, rows and columns that share a scale, what the scale is called)
F8 = {
    "qwen3-fp8": (dict(quant_method="fp8", fmt="e4m3", activation_scheme="dynamic", weight_block_size=[20, 12]), (20, 12), "weight_scale_inv"),
    "llama-fp8-rows": (dict(quant_method="compressed-tensors", format="float-quantized",
                            config_groups=dict(group_0=dict(targets=["Linear"], weights=dict(num_bits=8, type="float", strategy="channel", symmetric=True))),
                            ignore=["lm_head"]), (1, 1 << 20), "weight_scale"),
    "llama-fp8-tensor": (dict(quant_method="fp8", activation_scheme="static"), (1 << 20, 1 << 20), "weight_scale"),
}


def quantise_f8(weight, rows, cols):
    """E4M3 codes and the scale of each block; the weight becomes what they say."""
    n, m = weight.shape
    scales = torch.zeros(-(-n // rows), -(-m // cols))
    codes = torch.zeros_like(weight, dtype=torch.float8_e4m3fn)
    for i in range(scales.shape[0]):
        for j in range(scales.shape[1]):
            part = (slice(i * rows, (i + 1) * rows), slice(j * cols, (j + 1) * cols))
            scales[i, j] = weight[part].abs().max() / 448
            codes[part] = (weight[part] / scales[i, j]).to(torch.float8_e4m3fn)
            weight[part] = codes[part].to(torch.float32) * scales[i, j]
    return codes, scales


def make_f8(name, model):
    """Every linear layer but the output; returns the tensors that replace the plain ones in the file."""
    _, (rows, cols), scale_name = F8[name]
    stored = {}
    for key, parameter in model.named_parameters():
        if "_proj" not in key:
            continue
        codes, scales = quantise_f8(parameter.data, rows, cols)
        stored[key] = codes
        scales = scales.reshape(()) if name == "llama-fp8-tensor" else scales
        stored[key.replace("weight", scale_name)] = scales
        if name == "llama-fp8-tensor":
            stored[key.replace("weight", "input_scale")] = torch.tensor(0.5)
    return stored


def save_f8(name, folder, stored):
    tensors = {**load_file(folder / "model.safetensors"), **stored}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = F8[name][0]
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def save_prompt(model, folder, tokens, seed, suffix, most=BASE["vocab_size"]):
    ids = torch.randint(3, most, (1, tokens), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0]
    ids[0].to(torch.int32).numpy().tofile(folder / f"ids{suffix}.i32")
    logits.to(torch.float32).numpy().tofile(folder / f"logits{suffix}.f32")


def make(name):
    model_type, settings = MODELS[name]
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(model_type, **settings if model_type == "gemma3" else {**BASE, **settings})
    config._attn_implementation = "eager"
    if model_type == "gemma3":
        model = Gemma3ForConditionalGeneration._from_config(config, attn_implementation="eager")
    else:
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", experts_implementation="eager")
    model = model.to(torch.float32).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            scale = 0.3 if "norm" in key else 0.5 if key.endswith("bias") else 1.5 / parameter.shape[-1] ** 0.5
            noise = torch.randn_like(parameter) * scale
            is_plain_norm = "norm" in key and not model_type.startswith("gemma")
            parameter.copy_((noise + 1.0 if is_plain_norm else noise).to(torch.bfloat16).to(torch.float32))
    model.tie_weights()
    stored = make_f8(name, model) if name in F8 else {}
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    model = model.double()
    save_prompt(model, folder, TOKENS, 7, "", most=37 if name == "gemma3-vision" else BASE["vocab_size"])  # 37 and on: images
    if name in LONG:
        save_prompt(model, folder, LONG[name], 8, "-long")
    model.to(torch.bfloat16).save_pretrained(folder)
    if stored:
        save_f8(name, folder, stored)
    (folder / "generation_config.json").unlink(missing_ok=True)
    print(name, transformers.__version__, sorted(p.name for p in folder.iterdir()), json.loads((folder / "config.json").read_text()).get("rope_parameters"))


for wanted in sys.argv[1:] or MODELS:
    make(wanted)
