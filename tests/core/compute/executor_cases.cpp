#include "tests/core/compute/executor_cases.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "core/compute/part.h"

namespace fabula::test {

using compute::Activation;
using formats::DType;

std::vector<ModelCase> model_cases() {
  return {
      {"plain", {}},
      {"untied", {.tied = false}},
      {"biases", {.biases = true}},
      {"norm per head", {.qk_norm = true}},
      {"norm over all heads", {.qk_norm = true, .qk_norm_per_head = false}},
      {"norms before and after", {.post_norms = true, .activation = Activation::gelu_tanh}},
      {"norms after only", {.post_norms = true, .pre_norms = false}},
      {"no gate", {.gate = false, .activation = Activation::gelu_erf}},
      {"relu", {.activation = Activation::relu}},
      {"layer norm", {.biases = true, .gate = false, .layer_norm = true, .activation = Activation::gelu_tanh}},
      {"no rope in one layer", {.no_rope_layer = true}},
      {"partial rope", {.rotary_dim = 10}},
      {"interleaved rope", {.pairing = compute::RopePairing::interleaved}},
      {"sliding window", {.sliding_window = 17}},
      {"soft caps", {.attention_softcap = 3, .final_softcap = 5}},
      {"scales", {.residual_scale = 0.3f, .logit_scale = 0.25f, .embedding_scale = 7}},
      {"experts", {.experts = 5, .experts_per_token = 2}},
      {"experts and a shared one", {.shared_expert = true, .experts = 4, .experts_per_token = 3}},
      {"one head", {.heads = 1, .kv_heads = 1, .head_dim = 33}},
      {"as many KV heads", {.heads = 3, .kv_heads = 3, .head_dim = 8}},
      {"one KV head for thirty", {.heads = 30, .kv_heads = 1, .head_dim = 4}},
      {"odd sizes", {.hidden = 37, .heads = 3, .kv_heads = 1, .head_dim = 6, .ffn = 51, .vocab = 17}},
      {"f16", {.type = DType::f16}},
      {"bf16", {.type = DType::bf16}},
  };
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_every_model(const LoadModel& load, int64_t n_tokens) {
  for (const ModelCase& c : model_cases()) {
    CAPTURE(c.name);
    RandomModel model;
    make_random_model(c.options, model);
    const auto tokens = random_tokens(n_tokens, c.options.vocab, 7);
    const auto executor = load(model, {.precision = compute::Precision::f32, .kv_precision = compute::KvPrecision::f32});
    Sequence sequence(*executor);
    const auto logits = sequence.read(tokens, 0, c.options.vocab);
    const Difference d = compare(logits, reference_forward(model.spec, model.source, tokens), static_cast<size_t>(c.options.vocab));
    CHECK_MESSAGE(d.relative < 2e-5, d.text);
  }
}

void check_refused_steps(compute::Executor& executor, int64_t vocab) {
  const auto refused = [&](std::vector<int32_t> tokens, int64_t start, std::vector<int32_t> blocks) {
    const compute::SequenceSlice slice{tokens, start, blocks, compute::LogitRows::last};
    const Status status = executor.forward({&slice, 1}, nullptr);
    return !status.ok() && status.error().code == ErrorCode::invalid_argument;
  };
  CHECK(refused({1, 2}, 63, {0}));
  CHECK(refused({1}, 0, {4}));
  CHECK(refused({1}, 0, {-1}));
  CHECK(refused({1}, -1, {0}));
  CHECK(refused({static_cast<int32_t>(vocab)}, 0, {0}));
  CHECK(refused({-1}, 0, {0}));
  CHECK(refused(std::vector<int32_t>(17, 1), 0, {0}));
  CHECK_FALSE(refused({1, 2}, 62, {0}));
}

std::vector<ModelCase> part_cases() {
  RandomModelOptions plain{.layers = 4, .hidden = 64, .heads = 4, .head_dim = 16, .ffn = 96, .vocab = 61};
  std::vector<ModelCase> cases = {{"tied", plain}, {"untied", plain}, {"norms after, scaled residual", plain}, {"experts", plain}};
  cases[1].options.tied = false;
  cases[2].options.post_norms = true;
  cases[2].options.residual_scale = 0.3f;
  cases[2].options.embedding_scale = 7;
  cases[3].options.experts = 4;
  cases[3].options.experts_per_token = 2;
  return cases;
}

compute::LoadOptions part_options() {
  return {.precision = compute::Precision::f32, .kv_precision = compute::KvPrecision::f32, .kv_blocks = 16, .max_batch_tokens = 112, .max_logit_rows = 112};
}

void check_cuts(const RandomModel& model, const MakeExecutor& make_lower, const MakeExecutor& make_upper) {
  const int64_t layers = model.spec.n_layers, vocab = model.spec.vocab;
  const auto tokens = random_tokens(75, vocab, 41);
  const auto whole = make_upper(model.spec, part_options()).value();
  Sequence straight(*whole);
  const auto expected = straight.read(tokens, 0, vocab);
  std::set<std::string> ids = {whole->info().numerics_id};
  for (int64_t border = 1; border < layers; ++border) {
    CAPTURE(border);
    auto lower = make_lower(compute::part_of(model.spec, 0, border), part_options());
    auto upper = make_upper(compute::part_of(model.spec, border, layers), part_options());
    REQUIRE_MESSAGE(lower.ok(), lower.error().message);
    REQUIRE_MESSAGE(upper.ok(), upper.error().message);
    const bool one_kind = (*lower)->info().kind == (*upper)->info().kind;
    auto joined = compute::join_parts(*std::move(lower), *std::move(upper), model.spec, border);
    REQUIRE(joined.ok());
    CHECK(ids.insert((*joined)->info().numerics_id).second);
    CHECK((*joined)->info().tensors.size() >= whole->info().tensors.size());
    Sequence at_once(**joined), in_pieces(**joined, {9, 3, 7});
    const auto found = at_once.read(tokens, 0, vocab);
    auto pieces = in_pieces.read(std::span(tokens).first(70), 9, vocab);
    const auto single = in_pieces.read(std::span(tokens).last(5), 1, vocab);
    pieces.insert(pieces.end(), single.begin(), single.end());
    CHECK(same_bits(found, pieces));
    if (one_kind) CHECK(same_bits(found, expected));
    const Difference d = compare(found, expected, static_cast<size_t>(vocab));
    CHECK_MESSAGE(d.relative < 2e-5, d.text);
  }
}

void check_moved_blocks(compute::Executor& executor, int64_t vocab) {
  const auto tokens = random_tokens(100, vocab, 23);
  Sequence straight(executor, {0, 1});
  const auto expected = straight.read(tokens, 0, vocab);
  std::vector<std::byte> saved(executor.info().kv_block_bytes);
  REQUIRE(executor.read_block(0, saved).ok());
  REQUIRE(executor.write_block(5, saved).ok());
  executor.copy_block(1, 6, 26);  // positions 64 .. 89
  const std::vector<int32_t> blocks = {5, 6};
  const compute::SequenceSlice rest{std::span(tokens).subspan(90), 90, blocks, compute::LogitRows::all};
  REQUIRE(executor.forward({&rest, 1}, nullptr).ok());
  CHECK(std::memcmp(executor.logits(), expected.data() + 90 * vocab, static_cast<size_t>(10 * vocab) * sizeof(float)) == 0);
  CHECK_FALSE(executor.read_block(99, saved).ok());
  CHECK_FALSE(executor.write_block(5, std::span(saved).first(saved.size() - 1)).ok());
}

}  // namespace fabula::test
