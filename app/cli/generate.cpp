// generate and logits: one prompt through the engine, streamed.
#include <sys/random.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/commands.h"
#include "app/cli/constraint_flags.h"
#include "app/cli/local_engine.h"
#include "app/cli/remotes.h"
#include "app/cli/sampling_flags.h"
#include "core/base/clock.h"
#include "core/session/prompt.h"

namespace fabula::cli {

namespace {

struct Options {
  std::string model, prompt, prompt_tokens;
  bool chat = false, json = false, verbose = false;
  EngineFlags engine;
  SamplingFlags sampling;
  ConstraintFlags constraint;
};

Result<std::vector<int32_t>> prompt_ids(const Options& options, const model::Model& model) {
  if (!options.prompt_tokens.empty()) return parse_token_list(options.prompt_tokens);
  FABULA_ASSIGN(const std::string text, text_or_stdin(options.prompt));
  if (!options.chat) return model.tokenizer->encode(text);
  return session::chat_prompt(model, OrderedJson::array({{{"role", "user"}, {"content", text}}}), nullptr);
}

struct Outcome {
  std::vector<int32_t> tokens;
  std::string text;
  engine::Event finished;
};

// Follows one request to its end; `show` gets the text as it comes.
Result<Outcome> follow(LocalEngine& local, engine::RequestId request,
                       const std::function<void(std::string_view)>& show) {
  Outcome outcome;
  for (;;) {
    const engine::Event event = local.next_event(request);
    if (event.request != request) continue;
    if (event.kind == engine::Event::Kind::token) outcome.tokens.push_back(event.token);
    if (event.text_bytes > 0) {
      const std::string_view piece(event.text, event.text_bytes);
      outcome.text += piece;
      show(piece);
    }
    if (event.kind != engine::Event::Kind::finished) continue;
    outcome.finished = event;
    if (event.reason == engine::FinishReason::error) return local.consumer().take_error(request);
    return outcome;
  }
}

OrderedJson answer_json(const std::vector<int32_t>& prompt, uint64_t seed, const Outcome& outcome) {
  const engine::Event& end = outcome.finished;
  return {{"prompt_tokens", prompt},
          {"tokens", outcome.tokens},
          {"text", outcome.text},
          {"finish_reason", engine::finish_reason_name(end.reason)},
          {"seed", seed},
          {"prompt",
           {{"tokens", end.prompt.tokens}, {"reused", end.prompt.reused}, {"seconds", end.prompt.seconds}}},
          {"decode", {{"tokens", end.decode.tokens}, {"seconds", end.decode.seconds}}}};
}

Status generate(App& app, const Options& options) {
  if (const auto remote = engine::remote_name_or_none(options.model)) {
    if (!options.prompt_tokens.empty())
      return Error{ErrorCode::unsupported, "a remote model takes text, not token ids"};
    if (options.constraint.given())
      return Error{ErrorCode::unsupported, "a remote model is not held to a schema or grammar"};
    return generate_remote(app, *remote, {options.prompt, options.chat, options.json}, options.sampling);
  }
  FABULA_ASSIGN(const auto local, LocalEngine::start(app, options.engine, options.model));
  const model::Model& model = *local->loaded().model;
  engine::GenerateRequest request;
  request.model = local->model();
  FABULA_ASSIGN(request.prompt, prompt_ids(options, model));
  FABULA_ASSIGN(request.sampler, options.sampling.settings(model.defaults));
  request.seed = options.sampling.seed_or_new();
  request.max_tokens = options.sampling.max_tokens;
  request.stop = options.sampling.stop;
  FABULA_ASSIGN(request.constraint, options.constraint.constraint(local->loaded()));
  const std::vector<int32_t> prompt = request.prompt;
  const uint64_t seed = request.seed;
  if (!options.json && !options.chat && options.prompt_tokens.empty())
    std::printf("%s", escape_controls(options.prompt).c_str());

  FABULA_ASSIGN(const engine::RequestId id, local->engine().submit(std::move(request), local->consumer()));
  FABULA_ASSIGN(const Outcome outcome, follow(*local, id, [&](std::string_view piece) {
                  if (options.json) return;
                  std::fputs(escape_controls(piece).c_str(), stdout);
                  std::fflush(stdout);
                }));
  if (options.json)
    print_json(answer_json(prompt, seed, outcome));
  else
    std::printf("\n");
  if (options.verbose) {
    const engine::Event& end = outcome.finished;
    std::fprintf(stderr, "seed %llu, prompt %lld tokens in %.3f s, %lld tokens in %.3f s (%.1f per second)\n",
                 static_cast<unsigned long long>(seed), static_cast<long long>(end.prompt.tokens),
                 end.prompt.seconds, static_cast<long long>(end.decode.tokens), end.decode.seconds,
                 end.decode.seconds > 0 ? static_cast<double>(end.decode.tokens) / end.decode.seconds : 0.0);
    for (const compute::TensorReport& tensor : local->loaded().executor.tensors)
      std::fprintf(stderr, "%-32s %s -> %s  error %.2e\n", tensor.name.c_str(),
                   formats::dtype_info(tensor.stored).name.data(),
                   formats::dtype_info(tensor.effective).name.data(), tensor.relative_error);
  }
  if (outcome.finished.reason == engine::FinishReason::cancelled) app.exit_code = 130;
  return {};
}

struct LogitsOptions {
  std::string model, prompt_tokens, output;
  EngineFlags engine;
};

using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Status logits(const App& app, LogitsOptions& options) {
  FABULA_ASSIGN(const std::vector<int32_t> prompt, parse_token_list(options.prompt_tokens));
  FABULA_TRY(options.engine.keep_f32(app, options.model));
  FABULA_ASSIGN(const auto local, LocalEngine::start(app, options.engine, options.model));
  FilePtr file(std::fopen(options.output.c_str(), "wb"), std::fclose);
  if (!file) return Error{ErrorCode::io, "cannot write " + options.output};
  const auto vocab = static_cast<size_t>(local->loaded().model->spec.vocab);
  FABULA_TRY(
      local->engine().evaluate(local->model(), prompt, [&](int64_t, int64_t n, const float* rows) -> Status {
        const size_t count = static_cast<size_t>(n) * vocab;
        if (std::fwrite(rows, sizeof(float), count, file.get()) != count)
          return Error{ErrorCode::io, "cannot write " + options.output + ": is the disk full?"};
        return {};
      }));
  if (std::fclose(file.release()) != 0)
    return Error{ErrorCode::io, "cannot write " + options.output + ": is the disk full?"};
  return {};
}

}  // namespace

void add_generate(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("-m,--model", options->model, "GGUF file, model directory or name")->required();
  auto* prompt = command.add_option_group("prompt");
  prompt->add_option("-p,--prompt", options->prompt, "Text to continue, or - for standard input");
  prompt->add_option("--prompt-tokens", options->prompt_tokens, "Token ids, taken verbatim: 1,2,3");
  prompt->require_option(1);
  command.add_flag("--chat", options->chat, "The text is a user's message, wrapped by the model's template");
  command.add_flag("--json", options->json, "Print one JSON object instead of the text");
  command.add_flag("-v,--verbose", options->verbose,
                   "Speed and the precision of every tensor on standard error");
  options->engine.add_to(command);
  options->sampling.add_to(command);
  options->constraint.add_to(command);
  set_body(command, app, [options, &app] { return generate(app, *options); });
}

void add_logits(CLI::App& command, App& app) {
  auto options = std::make_shared<LogitsOptions>();
  command.add_option("-m,--model", options->model, "GGUF file, model directory or name")->required();
  command.add_option("--prompt-tokens", options->prompt_tokens, "Token ids: 1,2,3")->required();
  command.add_option("-o,--output", options->output, "File for float32 little-endian (tokens, vocabulary)")
      ->required();
  options->engine.add_to(command, "f32");
  set_body(command, app, [options, &app] { return logits(app, *options); });
}

}  // namespace fabula::cli
