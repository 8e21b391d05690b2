// Families in GGUF that no reference file shows: keys and tensor names as llama.cpp's converter writes them.
// And the reference files themselves: what the metadata say is what the spec holds.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "core/formats/gguf_writer.h"
#include "core/model/gguf_hyperparameters.h"
#include "core/model/spec_builder.h"
#include "tests/core/model/listed_tensors.h"
#include "tests/support/support.h"

using namespace fabula;
using compute::ModelSpec;
using compute::RopePairing;
using formats::GgufValue;
using test::Listed;

namespace {

std::vector<Listed> base(bool tied, bool pre_norms = true) {
  std::vector<Listed> list = {{"token_embd.weight", {16, 8}},   {"output_norm.weight", {8}},
                              {"blk.{}.attn_q.weight", {8, 8}}, {"blk.{}.attn_k.weight", {4, 8}},
                              {"blk.{}.attn_v.weight", {4, 8}}, {"blk.{}.attn_output.weight", {8, 8}}};
  if (!tied) list.push_back({"output.weight", {16, 8}});
  if (pre_norms) {
    list.push_back({"blk.{}.attn_norm.weight", {8}});
    list.push_back({"blk.{}.ffn_norm.weight", {8}});
  }
  return list;
}
std::vector<Listed> mlp() {
  return {{"blk.{}.ffn_gate.weight", {12, 8}},
          {"blk.{}.ffn_up.weight", {12, 8}},
          {"blk.{}.ffn_down.weight", {8, 12}}};
}
std::vector<Listed> experts(int64_t width) {
  return {{"blk.{}.ffn_gate_inp.weight", {3, 8}},
          {"blk.{}.ffn_gate_exps.weight", {3, width, 8}},
          {"blk.{}.ffn_up_exps.weight", {3, width, 8}},
          {"blk.{}.ffn_down_exps.weight", {3, 8, width}}};
}
std::vector<Listed> join(std::initializer_list<std::vector<Listed>> parts) {
  std::vector<Listed> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

struct Row {
  const char* architecture;
  int64_t n_layers;
  std::vector<std::pair<std::string, GgufValue>> keys;  // below the architecture
  std::vector<Listed> tensors;
  std::function<void(const ModelSpec&)> check;
};

std::shared_ptr<const formats::Gguf> write_and_open(const Row& row, const std::filesystem::path& path) {
  formats::GgufWriter writer;
  const std::string p = std::string(row.architecture) + ".";
  writer.set("general.architecture", GgufValue::text(row.architecture));
  for (const auto& [key, value] : {std::pair{"block_count", row.n_layers},
                                   {"embedding_length", 8},
                                   {"feed_forward_length", 12},
                                   {"attention.head_count", 4},
                                   {"attention.head_count_kv", 2},
                                   {"context_length", 512}})
    writer.set(p + key, GgufValue::u32(static_cast<uint32_t>(value)));
  writer.set(p + "attention.layer_norm_rms_epsilon", GgufValue::f32(1e-5f));
  for (const auto& [key, value] : row.keys) writer.set(p + key, value);
  const auto tensors = test::spread(row.tensors, row.n_layers);
  size_t bytes = 0;
  for (const Listed& tensor : tensors) {
    writer.add_tensor(tensor.name, formats::DType::f32, tensor.shape);
    size_t elements = 4;
    for (const int64_t size : tensor.shape) elements *= static_cast<size_t>(size);
    bytes += elements;
  }
  REQUIRE(writer.begin(path).ok());
  REQUIRE(writer.write(std::vector<std::byte>(bytes)).ok());
  REQUIRE(writer.finish().ok());
  const auto file = formats::Gguf::open(path);
  REQUIRE_MESSAGE(file.ok(), file.error().message);
  return *file;
}

Result<ModelSpec> build(const formats::Gguf& file) {
  const auto name =
      formats::find_or_null(file.metadata(), "general.architecture")->text_or_none().value_or("");
  const model::Family* family = model::find_family_by_gguf_or_null(name);
  if (!family) return Error{ErrorCode::unsupported, std::string(name)};
  FABULA_ASSIGN(const auto hyper, model::read_gguf_hyperparameters(file, *family));
  return model::build_spec(hyper, *family, model::Convention::gguf, file);
}

std::vector<Row> rows() {
  const auto u32 = [](uint32_t value) { return GgufValue::u32(value); };
  const auto f32 = [](float value) { return GgufValue::f32(value); };
  return {
      {"llama",
       2,
       {{"expert_count", u32(3)}, {"expert_used_count", u32(2)}},
       join({base(false), experts(12)}),
       [](const ModelSpec& spec) {  // mixtral
         CHECK(spec.rope_pairing == RopePairing::interleaved);
         CHECK(spec.normalise_expert_weights);
         CHECK(spec.layers[1].expert_down[2].expert == 2);
         CHECK(spec.layers[1].expert_down[2].rows == 8);
         CHECK(spec.layers[1].expert_down[2].cols == 12);
       }},
      {"qwen2moe",
       2,
       {{"expert_count", u32(3)},
        {"expert_used_count", u32(2)},
        {"expert_feed_forward_length", u32(5)},
        {"expert_shared_feed_forward_length", u32(7)}},
       join({base(false),
             experts(5),
             {{"blk.{}.attn_q.bias", {8}},
              {"blk.{}.attn_k.bias", {4}},
              {"blk.{}.attn_v.bias", {4}},
              {"blk.{}.ffn_gate_shexp.weight", {7, 8}},
              {"blk.{}.ffn_up_shexp.weight", {7, 8}},
              {"blk.{}.ffn_down_shexp.weight", {8, 7}},
              {"blk.{}.ffn_gate_inp_shexp.weight", {8}}}}),
       [](const ModelSpec& spec) {
         CHECK(spec.rope_pairing == RopePairing::half);
         CHECK_FALSE(spec.normalise_expert_weights);
         CHECK(spec.layers[0].shared_router.cols == 8);
         CHECK(spec.layers[0].shared_down.cols == 7);
         CHECK(spec.layers[0].v_bias.size == 4);
       }},
      {"qwen3moe",
       1,
       {{"expert_count", u32(3)}, {"expert_used_count", u32(2)}, {"expert_feed_forward_length", u32(5)}},
       join({base(false),
             experts(5),
             {{"blk.{}.attn_q_norm.weight", {2}}, {"blk.{}.attn_k_norm.weight", {2}}}}),
       [](const ModelSpec& spec) {
         CHECK(spec.normalise_expert_weights);
         CHECK(spec.layers[0].q_norm.size == 2);
       }},
      {"smollm3",
       4,
       {{"rope.freq_base", f32(5e6f)}},
       join({base(true), mlp()}),
       [](const ModelSpec& spec) {
         CHECK(spec.rope_pairing == RopePairing::interleaved);
         CHECK(spec.layers[2].rope == 0);
         CHECK(spec.layers[3].rope == -1);
       }},
      {"olmo2",
       1,
       {},
       join({base(false, false),
             mlp(),
             {{"blk.{}.attn_q_norm.weight", {8}},
              {"blk.{}.attn_k_norm.weight", {4}},
              {"blk.{}.post_attention_norm.weight", {8}},
              {"blk.{}.post_ffw_norm.weight", {8}}}}),
       [](const ModelSpec& spec) {
         CHECK(spec.rope_pairing == RopePairing::half);
         CHECK_FALSE(spec.qk_norm_per_head);
         CHECK_FALSE(spec.layers[0].attention_norm);
         CHECK(spec.layers[0].post_ffn_norm);
       }},
      {"granite",
       1,
       {{"attention.scale", f32(0.25f)},
        {"embedding_scale", f32(12.0f)},
        {"residual_scale", f32(0.5f)},
        {"logit_scale", f32(8.0f)}},
       join({base(true), mlp()}),
       [](const ModelSpec& spec) {
         CHECK(spec.rope_pairing == RopePairing::interleaved);
         CHECK(spec.attention_scale == 0.25f);
         CHECK(spec.embedding_scale == 12.0f);
         CHECK(spec.residual_scale == 0.5f);
         CHECK(spec.logit_scale == 0.125f);
       }},
      {"phi3",
       1,
       {{"rope.scaling.original_context_length", u32(128)}, {"rope.scaling.attn_factor", f32(1.19f)}},
       {{"token_embd.weight", {16, 8}},
        {"output_norm.weight", {8}},
        {"output.weight", {16, 8}},
        {"rope_factors_short.weight", {1}},
        {"rope_factors_long.weight", {1}},
        {"blk.{}.attn_norm.weight", {8}},
        {"blk.{}.ffn_norm.weight", {8}},
        {"blk.{}.attn_qkv.weight", {16, 8}},
        {"blk.{}.attn_output.weight", {8, 8}},
        {"blk.{}.ffn_up.weight", {24, 8}},
        {"blk.{}.ffn_down.weight", {8, 12}}},
       nullptr},  // the factors in this file are zeros, which make no sense
  };
}

}  // namespace

TEST_CASE("families as llama.cpp's converter writes them") {
  test::TemporaryFolder folder;
  for (const Row& row : rows()) {
    CAPTURE(std::string(row.architecture));
    const auto file = write_and_open(row, folder.path() / (std::string(row.architecture) + ".gguf"));
    const auto spec = build(*file);
    if (!row.check) {
      REQUIRE_FALSE(spec.ok());
      CHECK(spec.error().message.find("rope factor") != std::string::npos);
      continue;
    }
    REQUIRE_MESSAGE(spec.ok(), spec.error().message);
    CHECK_FALSE(spec->norm_weight_plus_one);
    row.check(*spec);
  }
}

TEST_CASE("a key that would change the computation is refused by name") {
  test::TemporaryFolder folder;
  const auto refusal = [&](const char* key, GgufValue value) {
    Row row{"llama", 1, {{key, std::move(value)}}, join({base(true), mlp()}), nullptr};
    const auto spec = build(*write_and_open(row, folder.path() / "x.gguf"));
    REQUIRE_FALSE(spec.ok());
    return spec.error().message;
  };
  CHECK(refusal("attention.surprise", GgufValue::u32(1)).find("llama.attention.surprise") !=
        std::string::npos);
  CHECK(refusal("rope.scaling.type", GgufValue::text("spiral")).find("spiral") != std::string::npos);
  CHECK(refusal("attention.value_length", GgufValue::u32(4)).find("value_length") != std::string::npos);
  CHECK(refusal("rope.dimension_count", GgufValue::u32(1000)).find("dimension_count") != std::string::npos);
  CHECK(refusal("rope.freq_base", GgufValue::f32(std::nanf(""))).find("freq_base") != std::string::npos);
}

TEST_CASE("the reference files have the shapes and flags that their metadata say") {
  FABULA_REQUIRE_TESTDATA();
  const auto spec_of = [](const char* name) {
    static std::vector<std::shared_ptr<const formats::Gguf>> keep;
    const auto file = formats::Gguf::open(*test::testdata() / "models" / name);
    REQUIRE_MESSAGE(file.ok(), file.error().message);
    keep.push_back(*file);
    const auto spec = build(**file);
    REQUIRE_MESSAGE(spec.ok(), spec.error().message);
    return *spec;
  };
  const ModelSpec phi = spec_of("random-arch/fusedqkv-phi3arch-d64.gguf");
  CHECK(phi.layers[0].v.row_begin == 96);
  CHECK(phi.layers[0].up.row_begin == 176);
  const ModelSpec gemma3 = spec_of("random-arch/gemma3-d64.gguf");
  CHECK(gemma3.layers[5].sliding_window == 0);
  CHECK(gemma3.layers[6].sliding_window == 8);
  CHECK(gemma3.layers[6].rope == 1);
  CHECK(gemma3.embedding_scale == 8.0f);
  const ModelSpec gemma2 = spec_of("random-arch/gemma2-d64.gguf");
  CHECK(gemma2.layers[0].sliding_window == 8);
  CHECK(gemma2.layers[1].sliding_window == 0);
  CHECK(gemma2.attention_softcap == 50.0f);
  CHECK(gemma2.attention_scale == doctest::Approx(1.0 / std::sqrt(32.0)));
  const ModelSpec yarn = spec_of("random-arch/llama-yarn-d64.gguf");
  CHECK(yarn.ropes[0].attention_factor == doctest::Approx(1.0 + 0.1 * std::log(4.0)));
  CHECK(yarn.ropes[0].inv_freq[0] == 1.0);
  CHECK(yarn.ropes[0].inv_freq[7] == doctest::Approx(std::pow(1e4, -14.0 / 16.0) / 4.0));
  const ModelSpec linear = spec_of("random-arch/llama-ropelinear-d64.gguf");
  CHECK(linear.ropes[0].inv_freq[0] == 0.25);
  CHECK(spec_of("random-arch/qwen2-d64.gguf").layers[0].q_bias.size == 64);
  CHECK(spec_of("random-arch/qwen3-d64.gguf").layers[0].k_norm.size == 32);
  CHECK(spec_of("random-arch/llama-headdim32-d64.gguf").head_dim == 32);
}
