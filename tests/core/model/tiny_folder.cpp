#include "tests/core/model/tiny_folder.h"

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <string_view>
#include <vector>

#include "core/formats/quant.h"

namespace fabula::test {

namespace {

constexpr int64_t vocab = 40;

// One safetensors file of normal values, in the order of add().
class Weights {
 public:
  Weights(formats::DType type, uint64_t seed) : type_(type), random_(seed) {}

  void add(const std::string& name, int64_t rows, int64_t cols, float mean = 0.0f) {
    const float spread = mean == 0.0f ? 0.08f : 0.2f;
    std::normal_distribution<float> normal(mean, spread);
    std::vector<float> values(static_cast<size_t>(rows * cols));
    for (float& v : values) v = normal(random_);
    const size_t begin = data_.size(), bytes = formats::row_bytes(type_, rows * cols);
    data_.resize(begin + bytes);
    formats::quantize(type_, values.data(), reinterpret_cast<std::byte*>(data_.data() + begin), rows * cols);
    const std::string shape =
        rows == 1 ? std::to_string(cols) : std::to_string(rows) + "," + std::to_string(cols);
    header_ += (header_.empty() ? "{\"" : ",\"") + name + R"(":{"dtype":")" +
               std::string(formats::dtype_info(type_).name) + R"(","shape":[)" + shape +
               R"(],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(begin + bytes) + "]}";
  }

  void write(const std::filesystem::path& path) {
    header_ += "}";
    header_.resize((header_.size() + 7) / 8 * 8, ' ');
    const uint64_t size = header_.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), 8) << header_ << data_;
    REQUIRE(file.good());
  }

 private:
  formats::DType type_;
  std::mt19937_64 random_;
  std::string header_, data_;
};

void add_layer(Weights& weights, const std::string& p, const TinyFolder& o) {
  const int64_t kv = o.hidden / o.heads * o.kv_heads;
  weights.add(p + "input_layernorm.weight", 1, o.hidden, 1.0f);
  weights.add(p + "self_attn.q_proj.weight", o.hidden, o.hidden);
  weights.add(p + "self_attn.k_proj.weight", kv, o.hidden);
  weights.add(p + "self_attn.v_proj.weight", kv, o.hidden);
  weights.add(p + "self_attn.o_proj.weight", o.hidden, o.hidden);
  weights.add(p + "post_attention_layernorm.weight", 1, o.hidden, 1.0f);
  weights.add(p + "mlp.gate_proj.weight", o.ffn, o.hidden);
  weights.add(p + "mlp.up_proj.weight", o.ffn, o.hidden);
  weights.add(p + "mlp.down_proj.weight", o.hidden, o.ffn);
}

std::string config_of(const TinyFolder& o) {
  const auto number = [](const char* key, int64_t value) {
    return ",\"" + std::string(key) + "\":" + std::to_string(value);
  };
  return R"({"model_type":"qwen2","hidden_act":"silu","rms_norm_eps":1e-6,"tie_word_embeddings":)" +
         std::string(o.tied ? "true" : "false") + number("hidden_size", o.hidden) +
         number("intermediate_size", o.ffn) + number("num_hidden_layers", o.layers) +
         number("num_attention_heads", o.heads) + number("num_key_value_heads", o.kv_heads) +
         number("vocab_size", vocab) + number("max_position_embeddings", o.context) + "}";
}

}  // namespace

void write_tiny_folder(const std::filesystem::path& folder, const TinyFolder& options) {
  std::filesystem::create_directories(folder);
  Weights weights(options.type, options.seed);
  weights.add("model.embed_tokens.weight", vocab, options.hidden);
  for (int64_t i = 0; i < options.layers; ++i)
    add_layer(weights, "model.layers." + std::to_string(i) + ".", options);
  weights.add("model.norm.weight", 1, options.hidden, 1.0f);
  if (!options.tied) weights.add("lm_head.weight", vocab, options.hidden);
  weights.write(folder / "model.safetensors");
  std::ofstream(folder / "config.json") << config_of(options);
  std::ofstream(folder / "tokenizer.json") << tiny_tokenizer();
}

std::string tiny_tokenizer() {
  std::string words = R"("<unk>":0,"<s>":1,"</s>":2,"\u2581":3)";
  const std::string_view characters = "abcdefghijklmnopqrstuvwxyzOSI,.:!?'-";
  for (size_t i = 0; i < characters.size(); ++i)
    words += ",\"" + std::string(1, characters[i]) + "\":" + std::to_string(i + 4);
  return R"({"version":"1.0","added_tokens":[],"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"\u2581"},)"
         R"("pre_tokenizer":null,"post_processor":null,"decoder":null,"model":{"type":"BPE","unk_token":"<unk>","merges":[],"vocab":{)" +
         words + "}}}";
}

}  // namespace fabula::test
