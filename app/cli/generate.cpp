// generate and logits: one prompt through the engine, streamed.
#include <sys/random.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "app/cli/commands.h"
#include "app/cli/constraint_flags.h"
#include "app/cli/host_text.h"
#include "app/cli/local_engine.h"
#include "app/cli/remotes.h"
#include "app/cli/sampling_flags.h"
#include "core/session/prompt.h"

namespace fabula::cli {

namespace {

struct Options {
  std::string model, prompt;
  std::optional<std::string> prompt_tokens;
  bool chat = false, json = false, verbose = false;
  EngineFlags engine;
  SamplingFlags sampling;
  ConstraintFlags constraint;
};

Result<std::vector<int32_t>> prompt_ids(const Options& options, const model::Model& model) {
  if (options.prompt_tokens) return parse_token_list(*options.prompt_tokens);
  if (!options.chat) return model.tokenizer->encode(options.prompt);
  return session::chat_prompt(model, OrderedJson::array({{{"role", "user"}, {"content", options.prompt}}}), nullptr);
}

// All that decides on the words, whoever writes them.
Result<session::TextRequest> request_of(const Options& options, const engine::ModelLoad& load, const model::Model& model) {
  session::TextRequest request;
  request.model = load;
  FABULA_ASSIGN(request.prompt, prompt_ids(options, model));
  FABULA_ASSIGN(request.sampler, options.sampling.settings(model.defaults));
  request.seed = options.sampling.seed_or_new();
  request.max_tokens = options.sampling.max_tokens;
  request.stop = options.sampling.stop;
  return request;
}

// The text on standard output as it comes, behind the prompt that it continues; with --json one object at the end.
class Printer {
 public:
  explicit Printer(const Options& options) : options_(options) {}

  void begin() const {
    if (!options_.json && !options_.chat && !options_.prompt_tokens)
      std::printf("%s", escape_controls(options_.prompt).c_str());
  }
  void operator()(std::string_view piece) const {
    if (options_.json) return;
    std::fputs(escape_controls(piece).c_str(), stdout);
    std::fflush(stdout);
  }
  void end(const session::TextRequest& request, const session::TextReply& reply) const {
    if (!options_.json) {
      std::printf("\n");
      return;
    }
    print_json({{"prompt_tokens", request.prompt},
                {"tokens", reply.tokens},
                {"text", reply.text},
                {"finish_reason", engine::finish_reason_name(reply.reason)},
                {"seed", request.seed},
                {"prompt",
                 {{"tokens", reply.prompt.tokens}, {"reused", reply.prompt.reused}, {"seconds", reply.prompt.seconds}}},
                {"decode", {{"tokens", reply.decode.tokens}, {"seconds", reply.decode.seconds}}}});
  }

 private:
  const Options& options_;
};

void print_precision(const session::TextRequest& request, const session::TextReply& reply,
                     const compute::ExecutorInfo& executor) {
  std::fprintf(stderr, "seed %llu, prompt %lld tokens in %.3f s, %lld tokens in %.3f s (%.1f per second)\n",
               static_cast<unsigned long long>(request.seed), static_cast<long long>(reply.prompt.tokens),
               reply.prompt.seconds, static_cast<long long>(reply.decode.tokens), reply.decode.seconds,
               reply.decode.seconds > 0 ? static_cast<double>(reply.decode.tokens) / reply.decode.seconds : 0.0);
  for (const compute::TensorReport& tensor : executor.tensors)
    std::fprintf(stderr, "%-32s %s -> %s  error %.2e\n", tensor.name.c_str(),
                 formats::dtype_info(tensor.stored).name.data(), formats::dtype_info(tensor.effective).name.data(),
                 tensor.relative_error);
}

// Follows one request to its end; `show` gets the text as it comes.
Result<session::TextReply> follow(LocalEngine& local, engine::RequestId request,
                                  const std::function<void(std::string_view)>& show) {
  session::TextReply reply;
  for (;;) {
    const engine::Event event = local.next_event(request);
    if (event.request != request) continue;
    if (event.kind == engine::Event::Kind::token) reply.tokens.push_back(event.token);
    if (event.text_bytes > 0) {
      const std::string_view piece(event.text, event.text_bytes);
      reply.text += piece;
      show(piece);
    }
    if (event.kind != engine::Event::Kind::finished) continue;
    if (event.reason == engine::FinishReason::error) return local.consumer().take_error(request);
    reply.reason = event.reason;
    reply.prompt = event.prompt;
    reply.decode = event.decode;
    return reply;
  }
}

void note_interrupt(App& app, const session::TextReply& reply) {
  if (reply.reason == engine::FinishReason::cancelled) app.exit_code = 130;
}

// By the model that the host of the data directory has loaded. false: there is none that fits, nothing was done.
Result<bool> generate_in_host(App& app, const Options& options, const engine::ModelLoad& load) {
  const auto host = HostText::find_or_null(app, load);
  if (!host) return false;
  FABULA_ASSIGN(const auto model, model::open_model(load.path, {.fingerprint = false}));  // its words, not its weights
  FABULA_ASSIGN(const session::TextRequest request, request_of(options, load, *model));
  const Printer printer(options);
  bool begun = false;
  const auto reply = host->write(request, [&](std::string_view piece) {
    if (!std::exchange(begun, true)) printer.begin();
    printer(piece);
  });
  if (!reply.ok() && reply.error().code == ErrorCode::not_found) return false;
  if (!reply.ok()) return reply.error();
  if (!begun) printer.begin();
  printer.end(request, *reply);
  note_interrupt(app, *reply);
  return true;
}

Status generate_here(App& app, const Options& options) {
  FABULA_ASSIGN(const auto local, LocalEngine::start(app, options.engine, options.model));
  const engine::Engine::LoadedModel& loaded = local->loaded();
  FABULA_ASSIGN(const session::TextRequest asked, request_of(options, loaded.load, *loaded.model));
  engine::GenerateRequest request;
  request.model = local->model();
  request.prompt = asked.prompt;
  request.sampler = asked.sampler;
  request.seed = asked.seed;
  request.max_tokens = asked.max_tokens;
  request.stop = asked.stop;
  FABULA_ASSIGN(request.constraint, options.constraint.constraint(loaded));
  const Printer printer(options);
  printer.begin();
  FABULA_ASSIGN(const engine::RequestId id, local->engine().submit(std::move(request), local->consumer()));
  FABULA_ASSIGN(const session::TextReply reply, follow(*local, id, printer));
  printer.end(asked, reply);
  if (options.verbose) print_precision(asked, reply, loaded.executor);
  note_interrupt(app, reply);
  return {};
}

Status generate(App& app, Options& options) {
  if (const auto remote = engine::remote_name_or_none(options.model)) {
    if (options.prompt_tokens)
      return Error{ErrorCode::unsupported, "a remote model takes text, not token ids"};
    if (options.constraint.given())
      return Error{ErrorCode::unsupported, "a remote model is not held to a schema or grammar"};
    return generate_remote(app, *remote, {options.prompt, options.chat, options.json}, options.sampling);
  }
  FABULA_ASSIGN(options.prompt, text_or_stdin(options.prompt));
  FABULA_ASSIGN(const std::filesystem::path path, resolve_model(app, options.model));
  FABULA_ASSIGN(const engine::ModelLoad load, options.engine.load_for(path));
  // A constraint and the report of precisions need the model itself at hand.
  if (!options.constraint.given() && !options.verbose) {
    FABULA_ASSIGN(const bool done, generate_in_host(app, options, load));
    if (done) return {};
  }
  return generate_here(app, options);
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
