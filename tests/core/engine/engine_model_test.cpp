// The promise of NUMERICS 8 on real weights: the same tokens and the same bits of their log-probabilities
// whatever the threads, the chunks, the neighbours, the cache and the restarts.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "tests/core/engine/engine_harness.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;
using fabula::test::Harness;
using fabula::test::Reply;

namespace {

struct Way {  // one way to come to the same words
  const char* name;
  int threads = 1;
  int64_t chunk = 1;
  int neighbours = 0;
};

std::vector<int32_t> random_prompt(uint64_t seed, size_t n, int64_t vocab) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> prompt = {1};
  while (prompt.size() < n)
    prompt.push_back(static_cast<int32_t>(259 + random() % static_cast<uint64_t>(vocab - 259)));
  return prompt;
}

GenerateRequest request_of(ModelId model, std::vector<int32_t> prompt, int64_t max_tokens, uint64_t seed) {
  GenerateRequest request;
  request.model = model;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.seed = seed;
  request.ignore_end_tokens = true;
  return request;
}

EngineOptions options_of(const Way& way, const std::filesystem::path& kv_folder = {}) {
  EngineOptions options;
  options.prefill_chunk = way.chunk;
  options.kv_folder = kv_folder;
  return options;
}

void check_same(const Reply& got, const Reply& want) {
  CHECK(got.tokens == want.tokens);
  CHECK(got.logprobs == want.logprobs);  // the same bits
  CHECK(got.text == want.text);
}

}  // namespace

TEST_CASE("greedy text is llama.cpp's") {
  FABULA_REQUIRE_TESTDATA();
  const auto path = *test::testdata_file("models/stories260k/generated/stories260K-F32.gguf");
  const auto reference = Json::parse(
      test::read_text(*test::testdata_file("models/stories260k/generated/stories260K-F32.ref.json")));
  Harness harness({});
  const ModelId model = harness.load({.path = path, .kv_precision = compute::KvPrecision::f32});
  for (const auto& [name, run] : reference["runs"].items()) {
    FABULA_CAPTURE(name);
    const auto want = run["greedy_ids"].get<std::vector<int32_t>>();
    auto request = request_of(model, run["prompt_ids"].get<std::vector<int32_t>>(),
                              static_cast<int64_t>(want.size()), 1);
    request.sampler.temperature = 0;
    CHECK(harness.run(request).tokens == want);
  }
}

TEST_CASE("one prompt, one seed, one answer: threads, chunks, neighbours, cache, rollback, restart") {
  FABULA_REQUIRE_TESTDATA();
  for (const char* file :
       {"models/stories260k/generated/stories260K-Q4_0.gguf",
        "models/stories260k/generated/stories260K-F16.gguf", "models/random-arch/llama-d256-Q4_K_M.gguf"}) {
    CAPTURE(file);
    const auto path = test::testdata_file(file);
    if (!path) continue;
    const ModelLoad load{.path = *path, .context = 512, .threads = 1};
    Reply want, want_branch;
    std::vector<int32_t> prompt, branch;
    {
      Harness harness(options_of({"alone, cold, one thread, token by token"}));
      const ModelId model = harness.load(load);
      prompt = random_prompt(5, 200, harness.engine().loaded_or_null(model)->model->spec.vocab);
      want = harness.run(request_of(model, prompt, 150, 42));
      branch.assign(prompt.begin(),
                    prompt.begin() + 150);  // a rollback into the middle of a block, then another way
      branch.push_back(300);
      REQUIRE(want.tokens.size() == 150);
    }
    {
      Harness harness(options_of({"branch, cold"}));
      want_branch = harness.run(request_of(harness.load(load), branch, 60, 43));
      CHECK(want_branch.prompt.reused == 0);
    }
    for (const Way& way :
         {Way{"chunk 7, 2 threads", 2, 7}, Way{"chunk 64, 4 threads", 4, 64}, Way{"whole, 3 threads", 3, 512},
          Way{"7 neighbours", 2, 64, 7}, Way{"7 neighbours, token by token", 1, 1, 7}}) {
      CAPTURE(way.name);
      const test::TemporaryFolder folder;
      ModelLoad threaded = load;
      threaded.threads = way.threads;
      {
        Harness harness(options_of(way, folder.path()));
        const ModelId model = harness.load(threaded);
        std::vector<RequestId> others;
        for (int i = 0; i < way.neighbours; ++i)
          others.push_back(harness.submit(request_of(
              model, random_prompt(70 + static_cast<uint64_t>(i), 20 + 40 * static_cast<size_t>(i), 400),
              15 * i, 3)));
        check_same(harness.run(request_of(model, prompt, 150, 42)), want);
        if (way.neighbours > 0) harness.engine().cancel(others[2]);
        const Reply again = harness.run(request_of(model, prompt, 150, 42));
        check_same(again, want);
        CHECK(again.prompt.reused == 199);
        const Reply other = harness.run(request_of(model, branch, 60, 43));
        check_same(other, want_branch);
        CHECK(other.prompt.reused == 150);
        for (RequestId id : others) (void)harness.wait(id);
      }
      Harness restarted(options_of(way, folder.path()));
      const ModelId model = restarted.load(threaded);
      const Reply after = restarted.run(request_of(model, prompt, 150, 42));
      check_same(after, want);
      CHECK(after.prompt.reused == 192);
      restarted.engine().set_threads(model, 2);  // while it runs
      const RequestId id = restarted.submit(request_of(model, branch, 60, 43));
      restarted.engine().set_threads(model, 1);
      check_same(restarted.wait(id), want_branch);
    }
  }
}

TEST_CASE("evaluated logits are those that generation sees") {
  FABULA_REQUIRE_TESTDATA();
  const auto path = *test::testdata_file("models/stories260k/generated/stories260K-Q4_0.gguf");
  Harness harness({});
  const ModelId model = harness.load({.path = path, .context = 512});
  const int64_t vocab = harness.engine().loaded_or_null(model)->model->spec.vocab;
  const auto prompt = random_prompt(9, 100, vocab);
  const Reply reply = harness.run(request_of(model, prompt, 80, 6));
  std::vector<int32_t> all = prompt;
  all.insert(all.end(), reply.tokens.begin(), reply.tokens.end());
  Sampler sampler(vocab);
  size_t checked = 0;
  const Status status =
      harness.engine().evaluate(model, all, [&](int64_t first, int64_t n, const float* rows) -> Status {
        for (int64_t row = first; row < first + n; ++row) {
          const int64_t next = row + 1;
          if (next < 100 || next >= static_cast<int64_t>(all.size())) continue;
          const auto history = std::span(all).first(static_cast<size_t>(next));
          const auto choice = sampler.sample(rows + (row - first) * vocab, history, next, 6, 0, {});
          REQUIRE(choice.ok());
          CHECK(choice->token == all[static_cast<size_t>(next)]);
          CHECK(choice->logprob == reply.logprobs[static_cast<size_t>(next - 100)]);
          ++checked;
        }
        return {};
      });
  CHECK(status.ok());
  CHECK(checked == 80);
}

TEST_CASE("files that are no models fail to load with a reason, and the engine goes on") {
  Harness harness({});
  const test::TemporaryFolder folder;
  const RequestId id = harness.engine().load({.path = folder.path() / "nothing.gguf"}, harness.consumer());
  harness.wait_until(
      [&] { return !harness.others.empty() && harness.others.back().kind == Event::Kind::load_failed; });
  const Error error = harness.consumer().take_error(id);
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.message.find("nothing.gguf") != std::string::npos);
}
