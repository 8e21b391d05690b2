#include "core/engine/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>

namespace fabula::engine {

namespace {

// -log softmax(row)[target], in double.
double negative_log_likelihood(const float* row, int64_t vocab, int32_t target) {
  double highest = -INFINITY;
  for (int64_t i = 0; i < vocab; ++i) highest = std::max(highest, static_cast<double>(row[i]));
  double sum = 0;
  for (int64_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(row[i]) - highest);
  return std::log(sum) + highest - static_cast<double>(row[target]);
}

// Waits for one load, on the calling thread.
class LoadWait {
 public:
  explicit LoadWait(Engine& engine) : engine_(engine) {
    consumer_ = engine.make_consumer([this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      wakes_.notify_one();
    });
  }
  Result<ModelId> load(const ModelLoad& load, const std::atomic<bool>* cancel) {
    const RequestId request = engine_.load(load, *consumer_);
    for (;;) {
      Event event;
      while (consumer_->poll(event)) {
        if (event.kind == Event::Kind::loaded) return event.model;
        if (event.kind == Event::Kind::load_failed) return consumer_->take_error(request);
      }
      std::unique_lock lock(mutex_);
      wakes_.wait_for(lock, std::chrono::milliseconds(50), [this] { return woken_; });
      woken_ = false;
      if (cancel && *cancel) engine_.cancel(request);
    }
  }

 private:
  Engine& engine_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool woken_ = false;
  std::unique_ptr<Consumer> consumer_;  // ends first: its wake uses the others
};

Result<TextScore> score_model(const std::filesystem::path& path, std::string_view text, const ScoreRun& run) {
  EngineOptions options;
  options.isa = run.isa;
  Engine engine(options);
  LoadWait wait(engine);
  ModelLoad load;
  load.path = path;
  load.threads = run.threads;
  load.kv_precision = compute::KvPrecision::f32;
  FABULA_ASSIGN(const ModelId model, wait.load(load, run.cancel));
  const auto loaded = engine.loaded_or_null(model);
  if (!loaded) return Error{ErrorCode::internal, "the model is gone"};
  const text::Tokenizer& tokenizer = *loaded->model->tokenizer;
  const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
  const int64_t window = std::min<int64_t>(loaded->context, 512);
  return score_tokens(engine, model, ids, {tokenizer.bos_or_negative(), window, std::max<int64_t>(1, window / 2)}, run.cancel);
}

}  // namespace

double TextScore::perplexity() const {
  return std::exp(nll / static_cast<double>(std::max<int64_t>(tokens, 1)));
}

Result<TextScore> score_tokens(Engine& engine, ModelId model, std::span<const int32_t> text, const ScoreWindows& windows,
                               const std::atomic<bool>* cancel) {
  const auto loaded = engine.loaded_or_null(model);
  if (!loaded) return Error{ErrorCode::not_found, "the model is not loaded"};
  TextScore score;
  const int64_t vocab = loaded->model->spec.vocab;
  const auto total = static_cast<int64_t>(text.size());
  const int64_t lead = windows.first_token >= 0 ? 1 : 0;
  const int64_t capacity = windows.window - lead;  // tokens of the text in one window
  int64_t predicted = lead ? 0 : 1;                // the first token has no context without BOS
  for (int64_t begin = 0; predicted < total; begin += windows.stride) {
    const int64_t end = std::min(total, begin + capacity);
    std::vector<int32_t> ids;
    if (lead) ids.push_back(windows.first_token);
    ids.insert(ids.end(), text.begin() + begin, text.begin() + end);
    const auto deliver = [&](int64_t first_row, int64_t n, const float* rows) -> Status {
      for (int64_t i = 0; i < n; ++i) {
        const int64_t target = begin + first_row + i + 1 - lead;  // the token that this row predicts
        if (target < predicted || target >= end) continue;
        score.nll += negative_log_likelihood(rows + i * vocab, vocab, text[static_cast<size_t>(target)]);
        ++score.tokens;
      }
      return {};
    };
    FABULA_TRY(engine.evaluate(model, ids, deliver, cancel));
    predicted = end;
  }
  return score;
}

Result<ScoreChange> compare_models(const std::filesystem::path& before, const std::filesystem::path& after, std::string_view text,
                                   const ScoreRun& run) {
  const auto tell = [&](double fraction) {
    if (run.on_progress) run.on_progress(fraction);
  };
  ScoreChange change;
  tell(0);
  FABULA_ASSIGN(change.before, score_model(before, text, run));
  tell(0.5);
  FABULA_ASSIGN(change.after, score_model(after, text, run));
  tell(1);
  if (change.before.tokens == 0 || change.after.tokens == 0) return Error{ErrorCode::invalid_argument, "the text has too few tokens"};
  return change;
}

}  // namespace fabula::engine
