// Random conversations against a reference that computes every reply from scratch: branches, rollbacks,
// regenerations, neighbours, cancellations, small memories, restarts with and without a disk, chunk sizes,
// slow readers.
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "tests/core/engine/engine_harness.h"
#include "tests/core/engine/fake_reference.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;
using fabula::test::expected_reply;
using fabula::test::FakeSetup;
using fabula::test::Harness;
using fabula::test::Reply;

namespace {

class Story {  // one random run
 public:
  explicit Story(uint64_t seed) : random_(seed) {
    setup_.context = 256 + pick(3) * 128;
    setup_.dials->end_token_every = pick(2) ? 0 : 90;
    setup_.dials->repetitive = pick(2);
    options_.prefill_chunk = std::vector<int64_t>{1, 7, 64, 256}[pick(4)];
    options_.max_batch = 1 + static_cast<int64_t>(pick(6));
    options_.ring_events = pick(3) ? 1024 : 4;
    if (pick(2)) options_.kv_ram_bytes = 1;
    if (pick(2)) options_.kv_folder = folder_.path() / "kv";
    options_.backends = setup_.backends();
  }

  void play(int moves) {
    start();
    for (int i = 0; i < moves; ++i) {
      if (pick(25) == 0) start();
      if (sent_.size() > 8 || pick(3) == 0) settle();
      send();
      if (pick(6) == 0) harness_->engine().cancel(sent_[pick(sent_.size())].first);
    }
    settle();
    harness_.reset();
    CHECK(setup_.dials->live == 0);
  }

 private:
  size_t pick(size_t n) { return static_cast<size_t>(random_() % n); }

  void start() {
    settle();
    harness_.reset();
    harness_ = std::make_unique<Harness>(options_);
    model_ = harness_->load();
  }

  // A path of the tree that is known already, cut anywhere, with something new behind it: edit, rollback,
  // branch, go on.
  std::vector<int32_t> some_path() {
    std::vector<int32_t> path;
    if (!paths_.empty() && pick(8)) {
      path = paths_[pick(paths_.size())];
      if (pick(3) == 0) path.resize(1 + pick(path.size()));
    }
    for (size_t n = path.empty() ? 1 + pick(150) : pick(4) ? pick(30) : 0; n > 0; --n)
      path.push_back(static_cast<int32_t>(8 + pick(test::fake_vocab - 8)));
    if (static_cast<int64_t>(path.size()) > setup_.context)
      path.resize(static_cast<size_t>(setup_.context) - pick(40));
    return path;
  }

  void send() {
    GenerateRequest request;
    request.model = model_;
    request.prompt = some_path();
    request.seed = pick(3);
    request.choice_index = static_cast<uint32_t>(pick(2));
    request.max_tokens = static_cast<int64_t>(pick(90));
    request.priority = static_cast<int>(pick(2));
    request.ignore_end_tokens = pick(4) == 0;
    if (pick(4) == 0) request.sampler.temperature = 0;
    if (pick(4) == 0) request.sampler.repeat_penalty = 1.2f;
    if (pick(4) == 0) request.sampler.mirostat = 2;
    if (pick(4) == 0) request.sampler.xtc_probability = 0.5f;
    if (pick(4) == 0) request.sampler.dry_multiplier = 0.8f;
    request.sampler.dry_breakers.clear();
    sent_.emplace_back(harness_->submit(request), request);
  }

  void settle() {
    for (const auto& [id, request] : sent_) {
      const Reply reply = harness_->wait(id);
      const auto want =
          expected_reply(request, setup_.context, setup_.dials->end_token_every, setup_.dials->repetitive);
      if (reply.reason == FinishReason::cancelled) {
        REQUIRE(reply.tokens.size() <= want.tokens.size());
        REQUIRE(std::equal(reply.tokens.begin(), reply.tokens.end(), want.tokens.begin()));
      } else {
        REQUIRE(reply.tokens == want.tokens);
        REQUIRE(reply.reason == want.reason);
      }
      std::vector<int32_t> path = request.prompt;
      path.insert(path.end(), reply.tokens.begin(), reply.tokens.end());
      paths_.push_back(std::move(path));
    }
    sent_.clear();
  }

  std::mt19937_64 random_;
  FakeSetup setup_;
  test::TemporaryFolder folder_;
  EngineOptions options_;
  std::unique_ptr<Harness> harness_;
  ModelId model_ = 0;
  std::vector<std::pair<RequestId, GenerateRequest>> sent_;
  std::vector<std::vector<int32_t>> paths_;
};

}  // namespace

TEST_CASE("whatever happens around a request, its words are those computed from scratch") {
  const int stories = std::getenv("FABULA_FULL") ? 400 : 40;
  for (int i = 0; i < stories; ++i) {
    const uint64_t seed = test::seed() + static_cast<uint64_t>(i);
    CAPTURE(seed);
    Story(seed).play(60);
  }
}
