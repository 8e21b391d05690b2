// score: how well a model predicts a text. Windows of the context's length with half of it as stride, each
// starting with BOS where the tokenizer has one; every token is predicted once, from the longest context
// available.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/local_engine.h"
#include "core/base/file.h"
#include "core/engine/perplexity.h"

namespace fabula::cli {

namespace {

constexpr uint64_t max_text_bytes = uint64_t{1} << 30;

struct Options {
  std::string model, text_file, prompt_tokens;
  int64_t window = 0, stride = 0;
  bool json = false;
  EngineFlags engine;
};

Status score(const App& app, Options& options) {
  FABULA_TRY(options.engine.keep_f32(app, options.model));
  FABULA_ASSIGN(const auto local, LocalEngine::start(app, options.engine, options.model));
  const text::Tokenizer& tokenizer = *local->loaded().model->tokenizer;
  const int32_t bos = tokenizer.bos_or_negative();
  engine::ScoreWindows windows{bos, options.window > 0 ? options.window : local->loaded().context, options.stride};
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
  FABULA_ASSIGN(const engine::TextScore result, engine::score_tokens(local->engine(), local->model(), ids, windows));
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
