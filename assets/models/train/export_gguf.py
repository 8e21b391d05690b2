"""Writes a checkpoint of train_story.py as an F32 GGUF file; `fabula-cli models quantize` then makes the file that is shipped.

    export_gguf.py CHECKPOINT TOKENIZER.model OUT.gguf
"""
import sys

import gguf
import sentencepiece
import torch

CONTEXT = 1024


def vocabulary(writer, tokenizer):
    kinds = {tokenizer.IsUnknown: gguf.TokenType.UNKNOWN, tokenizer.IsControl: gguf.TokenType.CONTROL,
             tokenizer.IsByte: gguf.TokenType.BYTE}
    ids = range(tokenizer.vocab_size())
    writer.add_tokenizer_model("llama")
    writer.add_token_list([tokenizer.IdToPiece(i) for i in ids])
    writer.add_token_scores([tokenizer.GetScore(i) for i in ids])
    writer.add_token_types([next((kind for test, kind in kinds.items() if test(i)), gguf.TokenType.NORMAL) for i in ids])
    writer.add_bos_token_id(tokenizer.bos_id())
    writer.add_eos_token_id(tokenizer.eos_id())
    writer.add_unk_token_id(tokenizer.unk_id())
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)


def interleaved(weight, heads):
    """Llama's GGUF files pair neighbouring rows for RoPE, where the training pairs the halves of a head."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def main():
    checkpoint, tokenizer_path, out = sys.argv[1:]
    state = torch.load(checkpoint, weights_only=True)
    shape, weights = state["shape"], state["model"]
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=tokenizer_path)
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("Fabula Story")
    writer.add_author("Fabula")
    writer.add_license("apache-2.0")
    writer.add_description("Writes little stories in simple English; made for Fabula, trained from scratch")
    writer.add_tags(["text-generation", "stories"])
    writer.add_languages(["en"])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape["hidden"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["ffn"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_rope_dimension_count(shape["hidden"] // shape["heads"])
    writer.add_rope_freq_base(shape["theta"])
    writer.add_layer_norm_rms_eps(shape["epsilon"])
    writer.add_vocab_size(shape["vocab"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_float32("general.sampling.temp", 0.6)  # small models wander off at more
    writer.add_int32("general.sampling.top_k", 0)
    writer.add_float32("general.sampling.top_p", 0.95)
    writer.add_float32("general.sampling.min_p", 0.1)
    writer.add_float32("general.sampling.penalty_repeat", 1.0)
    vocabulary(writer, tokenizer)

    def add(name, weight):
        writer.add_tensor(name, weight.float().contiguous().numpy())

    add("token_embd.weight", weights["embedding.weight"])  # the head as well
    add("output_norm.weight", weights["norm.weight"])
    names = {"norm1": "attn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "norm2": "ffn_norm",
             "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}
    for layer in range(shape["layers"]):
        for ours, theirs in names.items():
            weight = weights[f"layers.{layer}.{ours}.weight"]
            if ours in ("q", "k"):
                weight = interleaved(weight, shape["heads" if ours == "q" else "kv_heads"])
            add(f"blk.{layer}.{theirs}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
