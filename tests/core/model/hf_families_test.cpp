// Each family from a config.json and tensor names as transformers writes them. One row a family: adding a
// family is one row here.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/model/hf_hyperparameters.h"
#include "core/model/spec_builder.h"
#include "tests/core/model/listed_tensors.h"

using namespace fabula;
using compute::Activation;
using compute::ModelSpec;
using test::Listed;

namespace {

// Every model here: hidden 8, 4 heads, 2 KV heads, ffn 12, vocabulary 16; heads of 2 where nothing else is
// said.
const char* common =
    R"("hidden_size":8,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":12,"vocab_size":16,)"
    R"("rms_norm_eps":1e-5,"hidden_act":"silu")";

std::vector<Listed> ends(bool tied) {
  std::vector<Listed> list = {{"model.embed_tokens.weight", {16, 8}}, {"model.norm.weight", {8}}};
  if (!tied) list.push_back({"lm_head.weight", {16, 8}});
  return list;
}
std::vector<Listed> attention(int64_t head) {
  const std::string p = "model.layers.{}.self_attn.";
  return {{p + "q_proj.weight", {4 * head, 8}},
          {p + "k_proj.weight", {2 * head, 8}},
          {p + "v_proj.weight", {2 * head, 8}},
          {p + "o_proj.weight", {8, 4 * head}}};
}
std::vector<Listed> qkv_biases(int64_t head) {
  const std::string p = "model.layers.{}.self_attn.";
  return {{p + "q_proj.bias", {4 * head}}, {p + "k_proj.bias", {2 * head}}, {p + "v_proj.bias", {2 * head}}};
}
std::vector<Listed> qk_norms(int64_t q, int64_t k) {
  return {{"model.layers.{}.self_attn.q_norm.weight", {q}}, {"model.layers.{}.self_attn.k_norm.weight", {k}}};
}
std::vector<Listed> mlp() {
  const std::string p = "model.layers.{}.mlp.";
  return {
      {p + "gate_proj.weight", {12, 8}}, {p + "up_proj.weight", {12, 8}}, {p + "down_proj.weight", {8, 12}}};
}
std::vector<Listed> norms(std::initializer_list<const char*> names) {
  std::vector<Listed> list;
  for (const char* name : names) list.push_back({"model.layers.{}." + std::string(name) + ".weight", {8}});
  return list;
}
std::vector<Listed> pre_norms() {
  return norms({"input_layernorm", "post_attention_layernorm"});
}
std::vector<Listed> sandwich_norms() {
  return norms({"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                "post_feedforward_layernorm"});
}
std::vector<Listed> experts(const std::string& p, const char* gate, const char* up, const char* down,
                            int64_t width) {
  std::vector<Listed> list = {{p + "gate.weight", {3, 8}}};
  for (int e = 0; e < 3; ++e) {
    const std::string expert = p + "experts." + std::to_string(e) + ".";
    list.push_back({expert + gate + ".weight", {width, 8}});
    list.push_back({expert + up + ".weight", {width, 8}});
    list.push_back({expert + down + ".weight", {8, width}});
  }
  return list;
}
std::vector<Listed> join(std::initializer_list<std::vector<Listed>> parts) {
  std::vector<Listed> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

struct Row {
  const char* model_type;
  int64_t n_layers;
  std::string config;  // what stands beside `common`
  std::vector<Listed> tensors;
  std::function<void(const ModelSpec&)> check;
};

std::vector<bool> sliding(const ModelSpec& spec) {
  std::vector<bool> out;
  for (const auto& layer : spec.layers) out.push_back(layer.sliding_window > 0);
  return out;
}

std::vector<Row> rows() {
  const std::string moe = "model.layers.{}.mlp.", mixtral = "model.layers.{}.block_sparse_moe.",
                    shared = moe + "shared_expert.";
  return {
      {"llama", 2,
       R"("attention_bias":true,"mlp_bias":true,"rope_theta":500000.0,"max_position_embeddings":131072,)"
       R"("rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192})",
       join({ends(false),
             attention(2),
             qkv_biases(2),
             {{"model.layers.{}.self_attn.o_proj.bias", {8}}},
             mlp(),
             {{"model.layers.{}.mlp.gate_proj.bias", {12}},
              {"model.layers.{}.mlp.up_proj.bias", {12}},
              {"model.layers.{}.mlp.down_proj.bias", {8}}},
             pre_norms()}),
       [](const ModelSpec& spec) {
         CHECK(spec.layers[1].o_bias.size == 8);
         CHECK(spec.layers[1].gate_bias.size == 12);
         CHECK(spec.head.tensor != spec.embedding.tensor);
         CHECK(spec.attention_scale == doctest::Approx(1.0 / std::sqrt(2.0)));
         CHECK(spec.ropes[0].inv_freq[0] == 1.0);  // short wavelengths stay
       }},
      {"mistral", 2, R"("sliding_window":4096,"head_dim":6,"rope_theta":1000000.0)",
       join({ends(false), attention(6), mlp(), pre_norms()}),
       [](const ModelSpec& spec) {
         CHECK(spec.head_dim == 6);
         CHECK(spec.layers[0].sliding_window == 4096);
         CHECK(spec.layers[1].sliding_window == 4096);
         CHECK(spec.ropes[0].inv_freq[2] == doctest::Approx(std::pow(1e6, -4.0 / 6.0)));
       }},
      {"mixtral", 1, R"("num_local_experts":3,"num_experts_per_tok":2,"sliding_window":null)",
       join({ends(false), attention(2), experts(mixtral, "w1", "w3", "w2", 12), pre_norms()}),
       [](const ModelSpec& spec) {
         const auto& layer = spec.layers[0];
         REQUIRE(layer.expert_gate.size() == 3);
         CHECK(layer.expert_gate[2].tensor->name == "model.layers.0.block_sparse_moe.experts.2.w1.weight");
         CHECK(layer.expert_up[1].tensor->name == "model.layers.0.block_sparse_moe.experts.1.w3.weight");
         CHECK(layer.expert_down[0].tensor->name == "model.layers.0.block_sparse_moe.experts.0.w2.weight");
         CHECK(spec.experts_per_token == 2);
         CHECK(spec.normalise_expert_weights);
         CHECK_FALSE(layer.gate);
         CHECK(layer.sliding_window == 0);
       }},
      {"qwen2", 3,
       R"("sliding_window":32768,"use_sliding_window":true,"max_window_layers":2,"tie_word_embeddings":true)",
       join({ends(true), attention(2), qkv_biases(2), mlp(), pre_norms()}),
       [](const ModelSpec& spec) {
         CHECK(sliding(spec) == std::vector<bool>{false, false, true});
         CHECK(spec.layers[0].k_bias.size == 4);
         CHECK(spec.head.tensor == spec.embedding.tensor);
       }},
      {"qwen2_moe", 2,
       R"("num_experts":3,"num_experts_per_tok":2,"moe_intermediate_size":5,"shared_expert_intermediate_size":7,"norm_topk_prob":false)",
       join({ends(false),
             attention(2),
             qkv_biases(2),
             experts(moe, "gate_proj", "up_proj", "down_proj", 5),
             pre_norms(),
             {{shared + "gate_proj.weight", {7, 8}},
              {shared + "up_proj.weight", {7, 8}},
              {shared + "down_proj.weight", {8, 7}},
              {moe + "shared_expert_gate.weight", {1, 8}}}}),
       [](const ModelSpec& spec) {
         CHECK_FALSE(spec.normalise_expert_weights);
         CHECK(spec.expert_ffn == 5);
         CHECK(spec.layers[1].shared_gate.rows == 7);
         CHECK(spec.layers[1].shared_router.rows == 1);
       }},
      {"qwen3", 2, R"("head_dim":6,"use_sliding_window":false,"sliding_window":4096,"max_window_layers":0)",
       join({ends(false), attention(6), qk_norms(6, 6), mlp(), pre_norms()}),
       [](const ModelSpec& spec) {
         CHECK(spec.qk_norm_per_head);
         CHECK(spec.layers[0].q_norm.size == 6);
         CHECK(sliding(spec) == std::vector<bool>{false, false});
       }},
      {"qwen3_moe", 2,
       R"("num_experts":3,"num_experts_per_tok":2,"moe_intermediate_size":5,"norm_topk_prob":true,"head_dim":6)",
       join({ends(false), attention(6), qk_norms(6, 6), experts(moe, "gate_proj", "up_proj", "down_proj", 5),
             pre_norms()}),
       [](const ModelSpec& spec) {
         CHECK(spec.normalise_expert_weights);
         CHECK(spec.n_experts == 3);
         CHECK(spec.shared_expert_ffn == 0);
       }},
      {"gemma", 1, R"("head_dim":6,"hidden_act":"gelu")",
       join({ends(true), attention(6), mlp(), pre_norms()}),
       [](const ModelSpec& spec) {
         CHECK(spec.norm_weight_plus_one);
         CHECK(spec.embedding_scale == doctest::Approx(std::sqrt(8.0)));
         CHECK(spec.activation == Activation::gelu_tanh);
         CHECK(spec.head.tensor == spec.embedding.tensor);
       }},
      {"gemma2", 4,
       R"("head_dim":6,"hidden_activation":"gelu_pytorch_tanh","query_pre_attn_scalar":144,"attn_logit_softcapping":50.0,"final_logit_softcapping":30.0,"sliding_window":8)",
       join({ends(true), attention(6), mlp(), sandwich_norms()}),
       [](const ModelSpec& spec) {
         CHECK(spec.attention_scale == doctest::Approx(1.0 / 12.0));
         CHECK(spec.attention_softcap == 50.0f);
         CHECK(spec.final_softcap == 30.0f);
         CHECK(sliding(spec) == std::vector<bool>{true, false, true, false});
         const auto& layer = spec.layers[0];
         CHECK(layer.post_attention_norm.tensor->name == "model.layers.0.post_attention_layernorm.weight");
         CHECK(layer.ffn_norm.tensor->name == "model.layers.0.pre_feedforward_layernorm.weight");
         CHECK(layer.post_ffn_norm.tensor->name == "model.layers.0.post_feedforward_layernorm.weight");
       }},
      {"gemma3_text", 7,
       R"("head_dim":6,"hidden_activation":"gelu_pytorch_tanh","query_pre_attn_scalar":256,"rope_theta":1000000.0,"rope_local_base_freq":10000.0,)"
       R"("rope_scaling":{"rope_type":"linear","factor":8.0},"sliding_window":512)",
       join({ends(true), attention(6), qk_norms(6, 6), mlp(), sandwich_norms()}),
       [](const ModelSpec& spec) {
         CHECK(sliding(spec) == std::vector<bool>{true, true, true, true, true, false, true});
         REQUIRE(spec.ropes.size() == 2);
         CHECK(spec.layers[5].rope == 0);
         CHECK(spec.layers[6].rope == 1);
         CHECK(spec.ropes[0].inv_freq[0] == 0.125);
         CHECK(spec.ropes[1].inv_freq[1] == doctest::Approx(std::pow(1e4, -2.0 / 6.0)));
         CHECK(spec.attention_scale == 1.0f / 16.0f);
         CHECK(spec.norm_weight_plus_one);
       }},
      {"phi3", 1,
       R"("head_dim":4,"max_position_embeddings":16384,"original_max_position_embeddings":4096,"sliding_window":2047,)"
       R"("rope_scaling":{"type":"longrope","short_factor":[1.0,2.0],"long_factor":[4.0,8.0]})",
       join({ends(false),
             pre_norms(),
             {{"model.layers.{}.self_attn.qkv_proj.weight", {32, 8}},
              {"model.layers.{}.self_attn.o_proj.weight", {8, 16}},
              {"model.layers.{}.mlp.gate_up_proj.weight", {24, 8}},
              {"model.layers.{}.mlp.down_proj.weight", {8, 12}}}}),
       [](const ModelSpec& spec) {
         const auto& layer = spec.layers[0];
         CHECK(layer.q.tensor == layer.v.tensor);
         CHECK(layer.k.row_begin == 16);
         CHECK(layer.v.row_begin == 24);
         CHECK(layer.v.rows == 8);
         CHECK(layer.gate.row_begin == 0);
         CHECK(layer.up.row_begin == 12);
         CHECK(layer.sliding_window == 2047);
         const auto& rope = spec.ropes[0];
         CHECK(rope.short_context == 4096);
         CHECK(rope.inv_freq[1] == doctest::Approx(0.01 / 2.0));
         CHECK(rope.inv_freq_long[1] == doctest::Approx(0.01 / 8.0));
         CHECK(rope.attention_factor == doctest::Approx(std::sqrt(1.0 + std::log(4.0) / std::log(4096.0))));
       }},
      {"smollm3", 8,
       R"("no_rope_layers":[1,1,1,0,1,1,1,0],"tie_word_embeddings":true,"use_sliding_window":false,"sliding_window":null)",
       join({ends(true), attention(2), mlp(), pre_norms()}),
       [](const ModelSpec& spec) {
         for (size_t i = 0; i < 8; ++i) CHECK(spec.layers[i].rope == (i % 4 == 3 ? -1 : 0));
       }},
      {"olmo2", 2, R"("tie_word_embeddings":false)",
       join({ends(false), attention(2), qk_norms(8, 4), mlp(),
             norms({"post_attention_layernorm", "post_feedforward_layernorm"})}),
       [](const ModelSpec& spec) {
         const auto& layer = spec.layers[0];
         CHECK_FALSE(layer.attention_norm);
         CHECK_FALSE(layer.ffn_norm);
         CHECK(layer.post_attention_norm.tensor->name == "model.layers.0.post_attention_layernorm.weight");
         CHECK_FALSE(spec.qk_norm_per_head);
         CHECK(layer.q_norm.size == 8);
         CHECK(layer.k_norm.size == 4);
       }},
      {"granite", 2,
       R"("embedding_multiplier":12.0,"residual_multiplier":0.22,"attention_multiplier":0.015625,"logits_scaling":8.0,"tie_word_embeddings":true)",
       join({ends(true), attention(2), mlp(), pre_norms()}),
       [](const ModelSpec& spec) {
         CHECK(spec.embedding_scale == 12.0f);
         CHECK(spec.residual_scale == 0.22f);
         CHECK(spec.attention_scale == 0.015625f);
         CHECK(spec.logit_scale == 0.125f);
       }},
  };
}

Json config_of(const Row& row) {
  const auto parsed =
      parse_json("{" + std::string(common) + ",\"num_hidden_layers\":" + std::to_string(row.n_layers) + "," +
                     row.config + "}",
                 "config.json");
  REQUIRE_MESSAGE(parsed.ok(), parsed.error().message);
  return *parsed;
}

Result<ModelSpec> build(const Row& row, const Json& config, const formats::TensorSource& source) {
  const model::Family* family = model::find_family_by_model_type_or_null(row.model_type);
  REQUIRE(family);
  FABULA_ASSIGN(const auto hyper, model::read_hf_hyperparameters(config, *family));
  return model::build_spec(hyper, *family, model::Convention::hugging_face, source);
}

}  // namespace

TEST_CASE("every family has a row, and each row the flags and tensors that its config says") {
  CHECK(rows().size() == model::families().size());
  for (const Row& row : rows()) {
    CAPTURE(std::string(row.model_type));
    const test::ListedTensors source(test::spread(row.tensors, row.n_layers));
    const auto spec = build(row, config_of(row), source);
    REQUIRE_MESSAGE(spec.ok(), spec.error().message);
    CHECK(spec->rope_pairing == compute::RopePairing::half);
    CHECK(spec->norm_epsilon == 1e-5f);
    CHECK(spec->attention_scale > 0.0f);
    CHECK(spec->layers.size() == static_cast<size_t>(row.n_layers));
    row.check(*spec);
  }
}

TEST_CASE("a missing tensor, a wrong shape and a tensor without a place are refused by name") {
  for (const Row& row : rows()) {
    const std::vector<Listed> all = test::spread(row.tensors, row.n_layers);
    const Json config = config_of(row);
    for (size_t i = 0; i < all.size(); ++i) {
      CAPTURE(std::string(row.model_type) + " " + all[i].name);
      std::vector<Listed> without = all, misshapen = all;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      misshapen[i].shape.back() += 1;
      const auto wrong = build(row, config, test::ListedTensors(misshapen));
      REQUIRE_FALSE(wrong.ok());
      CHECK(wrong.error().message.find(all[i].name) != std::string::npos);
      if (all[i].name.ends_with(".bias")) continue;  // biases are there or not
      const auto missing = build(row, config, test::ListedTensors(without));
      REQUIRE_FALSE(missing.ok());
      CHECK(missing.error().message.find(all[i].name) != std::string::npos);
    }
    std::vector<Listed> more = all;
    more.push_back({"model.layers.0.surprise.weight", {8}});
    const auto extra = build(row, config, test::ListedTensors(more));
    REQUIRE_FALSE(extra.ok());
    CHECK(extra.error().code == ErrorCode::unsupported);
    CHECK(extra.error().message.find("surprise") != std::string::npos);
  }
}

TEST_CASE("settings that would change the computation and are not understood are refused by name") {
  const Row llama = rows()[0];
  const test::ListedTensors source(test::spread(llama.tensors, llama.n_layers));
  const auto refusal = [&](const char* key, const Json& value) {
    Json config = config_of(llama);
    config[key] = value;
    const auto spec = build(llama, config, source);
    REQUIRE_FALSE(spec.ok());
    return spec.error().message;
  };
  CHECK(refusal("hidden_act", "swiglu_oai").find("swiglu_oai") != std::string::npos);
  CHECK(refusal("rope_scaling", {{"rope_type", "spiral"}, {"factor", 2.0}}).find("spiral") !=
        std::string::npos);
  CHECK(refusal("quantization_config", {{"quant_method", "gptq"}}).find("quantization_config") !=
        std::string::npos);
  CHECK(refusal("num_attention_heads", "four").find("num_attention_heads") != std::string::npos);
  CHECK(refusal("num_hidden_layers", 1e9).find("num_hidden_layers") != std::string::npos);
  CHECK(refusal("num_key_value_heads", 3).find("3 KV heads") != std::string::npos);
  CHECK(refusal("rope_theta", -1.0).find("rope") != std::string::npos);
  CHECK(refusal("layer_types", {"full_attention", "linear_attention"}).find("linear_attention") !=
        std::string::npos);
}
