// score: how well a model predicts a text. Windows of the context's length with half of it as stride, each
// starting with BOS where the tokenizer has one; every token is predicted once, from the longest context
// available.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/local_engine.h"
#include "app/cli/score.h"
#include "core/base/file.h"

namespace fabula::cli {

namespace {

constexpr uint64_t max_text_bytes = uint64_t{1} << 30;

struct Options {
  std::string model, text_file, prompt_tokens;
  int64_t window = 0, stride = 0;
  bool json = false;
  EngineFlags engine;
};

// -log softmax(row)[target], in double.
double negative_log_likelihood(const float* row, int64_t vocab, int32_t target) {
  double highest = -INFINITY;
  for (int64_t i = 0; i < vocab; ++i) highest = std::max(highest, static_cast<double>(row[i]));
  double sum = 0;
  for (int64_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(row[i]) - highest);
  return std::log(sum) + highest - static_cast<double>(row[target]);
}

struct Windows {
  int32_t first_token;  // BOS, or negative: the text's own tokens alone
  int64_t window, stride;
};

Result<TextScore> score_tokens(LocalEngine& local, const std::vector<int32_t>& text, const Windows& windows) {
  TextScore score;
  const int64_t vocab = local.loaded().model->spec.vocab;
  const int64_t total = static_cast<int64_t>(text.size());
  const int64_t lead = windows.first_token >= 0 ? 1 : 0;
  const int64_t capacity = windows.window - lead;  // tokens of the text in one window
  int64_t predicted = lead ? 0 : 1;                // the first token has no context without BOS
  for (int64_t begin = 0; predicted < total; begin += windows.stride) {
    const int64_t end = std::min(total, begin + capacity);
    std::vector<int32_t> ids;
    if (lead) ids.push_back(windows.first_token);
    ids.insert(ids.end(), text.begin() + begin, text.begin() + end);
    FABULA_TRY(local.engine().evaluate(
        local.model(), ids, [&](int64_t first_row, int64_t n, const float* rows) -> Status {
          for (int64_t i = 0; i < n; ++i) {
            const int64_t target = begin + first_row + i + 1 - lead;  // the token that this row predicts
            if (target < predicted || target >= end) continue;
            score.nll += negative_log_likelihood(rows + i * vocab, vocab, text[static_cast<size_t>(target)]);
            ++score.tokens;
          }
          return {};
        }));
    predicted = end;
  }
  return score;
}

Status score(const App& app, Options& options) {
  FABULA_TRY(options.engine.keep_f32(app, options.model));
  FABULA_ASSIGN(const auto local, LocalEngine::start(app, options.engine, options.model));
  const text::Tokenizer& tokenizer = *local->loaded().model->tokenizer;
  const int32_t bos = tokenizer.bos_or_negative();
  Windows windows{bos, options.window > 0 ? options.window : local->loaded().context, options.stride};
  if (windows.window > local->loaded().context)
    return Error{ErrorCode::context_overflow, "a window of " + std::to_string(windows.window) +
                                                  " tokens exceeds the context of " +
                                                  std::to_string(local->loaded().context)};
  std::vector<int32_t> ids;
  std::string bytes;
  if (!options.text_file.empty()) {
    FABULA_ASSIGN(bytes, read_file(options.text_file, max_text_bytes));
    ids = tokenizer.encode(bytes, {.add_special = false, .parse_special = false});
  } else {
    FABULA_ASSIGN(ids, parse_token_list(options.prompt_tokens));
    // Ids are taken as they are: BOS leads the windows only where they begin with it.
    if (ids.front() == bos)
      ids.erase(ids.begin());
    else
      windows.first_token = -1;
    bytes = tokenizer.decode(ids, true);
  }
  if (windows.window < 2) return Error{ErrorCode::invalid_argument, "a window needs at least 2 tokens"};
  const int64_t capacity = windows.window - (windows.first_token >= 0 ? 1 : 0);
  if (windows.stride <= 0) windows.stride = std::max<int64_t>(1, windows.window / 2);
  if (windows.stride > capacity)
    return Error{ErrorCode::invalid_argument, "a stride beyond the window would leave tokens out"};
  FABULA_ASSIGN(const TextScore result, score_tokens(*local, ids, windows));
  if (result.tokens == 0)
    return Error{ErrorCode::invalid_argument, "nothing to predict: the text has too few tokens"};
  const double perplexity = result.perplexity();
  const double bits_per_byte =
      bytes.empty() ? 0 : result.nll / std::log(2.0) / static_cast<double>(bytes.size());
  if (options.json)
    print_json({{"tokens", result.tokens},
                {"nll", result.nll},
                {"perplexity", perplexity},
                {"bits_per_byte", bits_per_byte}});
  else
    std::printf("%lld tokens, perplexity %.4f, %.4f bits per byte\n", static_cast<long long>(result.tokens),
                perplexity, bits_per_byte);
  return {};
}

}  // namespace

double TextScore::perplexity() const {
  return std::exp(nll / static_cast<double>(std::max<int64_t>(tokens, 1)));
}

Result<TextScore> score_text(const App& app, EngineFlags flags, const std::string& model,
                             const std::string& text) {
  flags.kv_precision = "f32";
  FABULA_ASSIGN(const auto local, LocalEngine::start(app, flags, model));
  const text::Tokenizer& tokenizer = *local->loaded().model->tokenizer;
  const auto ids = tokenizer.encode(text, {.add_special = false, .parse_special = false});
  const int64_t window = std::min<int64_t>(local->loaded().context, 512);
  return score_tokens(*local, ids, {tokenizer.bos_or_negative(), window, std::max<int64_t>(1, window / 2)});
}

void add_score(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("-m,--model", options->model, "GGUF file, model directory or name")->required();
  auto* input = command.add_option_group("input");
  input->add_option("--text", options->text_file, "Text file");
  input->add_option("--prompt-tokens", options->prompt_tokens, "Token ids: 1,2,3");
  input->require_option(1);
  command.add_option("--window", options->window, "Tokens of one window (default: the context)");
  command.add_option("--stride", options->stride, "Tokens between windows (default: half a window)");
  command.add_flag("--json", options->json, "Print JSON");
  options->engine.add_to(command, "f32");
  set_body(command, app, [options, &app] { return score(app, *options); });
}

}  // namespace fabula::cli
