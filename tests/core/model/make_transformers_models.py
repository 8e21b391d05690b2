#!/usr/bin/env python3
"""Tiny random models of every family, with the logits that Hugging Face transformers computes for them in float64.

    pip install torch transformers safetensors
    make_transformers_models.py [NAME ...]        writes transformers/NAME/{config.json, model.safetensors, ids.i32, logits.f32}

Weights are rounded to bf16, so that the files stay small and every reader sees the same numbers. The prompt is longer than the
sliding windows. Norm weights are random too: a reader that forgets a norm, or the 1 in gemma's (1 + w), does not pass."""

import json
import pathlib
import sys

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

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
    "smollm3": ("smollm3", dict(num_hidden_layers=4)),
    "olmo2": ("olmo2", {}),
    "granite": ("granite", dict(embedding_multiplier=6.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=4.0)),
}


def make(name):
    model_type, settings = MODELS[name]
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(model_type, **{**BASE, **settings})
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", experts_implementation="eager").to(torch.float32).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            scale = 0.3 if "norm" in key else 0.5 if key.endswith("bias") else 1.5 / parameter.shape[-1] ** 0.5
            noise = torch.randn_like(parameter) * scale
            is_plain_norm = "norm" in key and not model_type.startswith("gemma")
            parameter.copy_((noise + 1.0 if is_plain_norm else noise).to(torch.bfloat16).to(torch.float32))
    model.tie_weights()
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    ids = torch.randint(3, BASE["vocab_size"], (1, TOKENS), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        logits = model.double()(input_ids=ids, use_cache=False).logits[0]
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    ids[0].to(torch.int32).numpy().tofile(folder / "ids.i32")
    logits.to(torch.float32).numpy().tofile(folder / "logits.f32")
    print(name, transformers.__version__, sorted(p.name for p in folder.iterdir()), json.loads((folder / "config.json").read_text()).get("rope_parameters"))


for wanted in sys.argv[1:] or MODELS:
    make(wanted)
