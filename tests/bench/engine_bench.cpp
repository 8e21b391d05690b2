// What the prefix store saves: a long prompt read cold, the same again, switching between two branches, a
// rollback, and the first words after a restart, beside the time that reading anew takes. Usage: engine_bench
// MODEL [tokens, default 4000]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "core/engine/engine.h"

using namespace fabula;
using namespace fabula::engine;

namespace {

std::vector<int32_t> random_tokens(uint64_t seed, size_t n, int64_t vocab) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % static_cast<uint64_t>(vocab));
  return tokens;
}

class Bench {
 public:
  Bench(const char* path, const std::filesystem::path& kv_folder)
      : engine_({.kv_folder = kv_folder}), consumer_(engine_.make_consumer([] {})) {
    engine_.load({.path = path}, *consumer_);
    for (Event event; model_ == 0;) {
      if (!next(event)) continue;
      if (event.kind == Event::Kind::loaded) model_ = event.model;
      if (event.kind == Event::Kind::load_failed) {
        std::fprintf(stderr, "engine_bench: %s\n", consumer_->take_error(event.request).message.c_str());
        std::exit(1);
      }
    }
  }

  const Engine::LoadedModel& model() const { return *engine_.loaded_or_null(model_); }

  void read(const char* what, std::vector<int32_t> prompt) {
    GenerateRequest request;
    request.model = model_;
    request.prompt = std::move(prompt);
    request.max_tokens = 1;
    const auto id = engine_.submit(std::move(request), *consumer_);
    if (!id.ok()) {
      std::fprintf(stderr, "engine_bench: %s\n", id.error().message.c_str());
      std::exit(1);
    }
    Event event;
    while (!next(event) || event.kind != Event::Kind::finished) {
    }
    std::printf("%-44s %6lld tokens, %6lld reused, %8.1f ms\n", what,
                static_cast<long long>(event.prompt.tokens), static_cast<long long>(event.prompt.reused),
                event.prompt.seconds * 1e3);
  }

 private:
  bool next(Event& event) {
    if (consumer_->poll(event)) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    return false;
  }

  Engine engine_;
  std::unique_ptr<Consumer> consumer_;
  ModelId model_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: engine_bench MODEL [tokens]\n");
    return 2;
  }
  const auto n = static_cast<size_t>(argc > 2 ? std::atoll(argv[2]) : 4000);
  const auto folder = std::filesystem::temp_directory_path() / "fabula-engine-bench-kv";
  std::filesystem::remove_all(folder);
  std::vector<int32_t> left, right;
  {
    Bench bench(argv[1], folder);
    left = random_tokens(1, n, bench.model().model->spec.vocab);
    right = left;
    const auto tail = random_tokens(2, n / 2, bench.model().model->spec.vocab);
    std::copy(tail.begin(), tail.end(), right.end() - static_cast<ptrdiff_t>(tail.size()));
    bench.read("cold", left);
    bench.read("the same again", left);
    bench.read("a branch from its middle", right);
    bench.read("back to the first branch", left);
    bench.read("and to the second", right);
    auto rolled_back = left;
    rolled_back.resize(n / 3);
    bench.read("rolled back to a third", rolled_back);
  }
  Bench bench(argv[1], folder);
  bench.read("after a restart, from disk", left);
  std::filesystem::remove_all(folder);
  return 0;
}
