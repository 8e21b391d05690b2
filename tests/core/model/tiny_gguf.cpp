#include "tests/core/model/tiny_gguf.h"

#include <doctest/doctest.h>

#include <cstring>

namespace fabula::test {

using formats::DType;
using formats::GgufType;
using formats::GgufValue;

namespace {

GgufValue floats(int64_t n) {
  GgufValue value;
  value.element = GgufType::f32;
  value.is_array = true;
  value.count = static_cast<uint64_t>(n);
  value.bytes.assign(static_cast<size_t>(n) * 4, '\0');
  return value;
}

GgufValue token_types(int64_t n) {
  GgufValue value;
  value.element = GgufType::i32;
  value.is_array = true;
  value.count = static_cast<uint64_t>(n);
  for (int64_t i = 0; i < n; ++i) {
    const int32_t type = i == 0 ? 2 : i < 3 ? 3 : 1;  // unknown, control, normal
    value.bytes.append(reinterpret_cast<const char*>(&type), 4);
  }
  return value;
}

}  // namespace

void write_tiny_gguf(const std::filesystem::path& path, const TinyGguf& model) {
  formats::GgufWriter writer;
  const std::string a = model.architecture;
  writer.set("general.architecture", GgufValue::text(a));
  writer.set("general.name", GgufValue::text(model.name));
  writer.set("general.license", GgufValue::text(model.licence));
  if (!model.repository.empty()) writer.set("general.source.huggingface.repository", GgufValue::text(model.repository));
  if (model.file_type >= 0) writer.set("general.file_type", GgufValue::u32(static_cast<uint32_t>(model.file_type)));
  if (model.temperature >= 0) writer.set("general.sampling.temp", GgufValue::f32(model.temperature));
  if (!model.chat_template.empty()) writer.set("tokenizer.chat_template", GgufValue::text(model.chat_template));
  const auto number = [&](const char* key, int64_t value) { writer.set(a + "." + key, GgufValue::u32(static_cast<uint32_t>(value))); };
  number("block_count", 1);
  number("context_length", model.context_length);
  number("embedding_length", model.hidden);
  number("feed_forward_length", model.ffn);
  number("attention.head_count", 1);
  writer.set(a + ".attention.layer_norm_rms_epsilon", GgufValue::f32(1e-5f));
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  while (tokens.size() < static_cast<size_t>(model.vocab)) tokens.push_back("t" + std::to_string(tokens.size()));
  writer.set("tokenizer.ggml.model", GgufValue::text("llama"));
  writer.set("tokenizer.ggml.tokens", GgufValue::texts(tokens));
  writer.set("tokenizer.ggml.scores", floats(model.vocab));
  writer.set("tokenizer.ggml.token_type", token_types(model.vocab));
  writer.set("tokenizer.ggml.bos_token_id", GgufValue::u32(1));
  writer.set("tokenizer.ggml.eos_token_id", GgufValue::u32(2));
  struct Tensor {
    std::string name;
    DType type;
    std::vector<int64_t> shape;
  };
  const int64_t h = model.hidden;
  std::vector<Tensor> tensors{{"token_embd.weight", model.matrices, {model.vocab, h}},
                              {"output_norm.weight", DType::f32, {h}},
                              {"blk.0.attn_norm.weight", DType::f32, {h}},
                              {"blk.0.ffn_norm.weight", DType::f32, {h}},
                              {"blk.0.ffn_gate.weight", model.matrices, {model.ffn, h}},
                              {"blk.0.ffn_up.weight", model.matrices, {model.ffn, h}}};
  if (!model.without_down) tensors.push_back({"blk.0.ffn_down.weight", model.matrices, {h, model.ffn}});
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"})
    tensors.push_back({"blk.0." + std::string(name) + ".weight", model.matrices, {h, h}});
  for (const Tensor& tensor : tensors) writer.add_tensor(tensor.name, tensor.type, tensor.shape);
  REQUIRE(writer.begin(path).ok());
  for (const Tensor& tensor : tensors) {
    const int64_t rows = tensor.shape.size() > 1 ? tensor.shape[0] : 1;
    std::vector<std::byte> bytes(static_cast<size_t>(rows) * formats::row_bytes(tensor.type, tensor.shape.back()));
    if (tensor.type == DType::f32)
      for (size_t i = 0; i + 4 <= bytes.size(); i += 4) std::memcpy(bytes.data() + i, &model.value, 4);
    REQUIRE(writer.write(bytes).ok());
  }
  REQUIRE(writer.finish().ok());
}

}  // namespace fabula::test
