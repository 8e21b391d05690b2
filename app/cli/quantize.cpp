// models quantize: a float model as a GGUF file of another type, and what that costs in perplexity.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "core/base/file.h"
#include "core/engine/perplexity.h"
#include "core/engine/sample_text.h"
#include "core/formats/quant.h"
#include "core/model/quantise.h"

namespace fabula::cli {

namespace {

constexpr uint64_t max_text_bytes = uint64_t{16} << 20;

struct Options {
  std::string model, type, output, text_file;
  int threads = 0;
  bool json = false, measure = true;
};

// "f32, f16, bf16, q4_0, ..."
std::string writable_types() {
  std::string list;
  for (const formats::DType type : model::quantise_types())
    list += (list.empty() ? "" : ", ") + std::string(formats::dtype_info(type).name);
  return list;
}

Status write(const std::filesystem::path& model, formats::DType type, const Options& options) {
  const InterruptScope interrupt(/*also_termination=*/true);  // Ctrl+C or SIGTERM ends it, and what was written goes
  model::QuantiseOptions quantise;
  quantise.type = type;
  quantise.threads = options.threads;
  quantise.cancel = &interrupt.seen();
  const bool terminal = ::isatty(STDERR_FILENO);
  if (terminal)
    quantise.on_progress = [](double fraction) { std::fprintf(stderr, "\r\033[K%3.0f %%", fraction * 100); };
  const Status status = model::quantise_model(model, options.output, quantise);
  if (terminal) std::fprintf(stderr, "\r\033[K");
  return status;
}

Result<engine::ScoreChange> measure(const std::filesystem::path& model, const Options& options) {
  std::string text(engine::sample_text);
  if (!options.text_file.empty()) {
    FABULA_ASSIGN(text, read_file(options.text_file, max_text_bytes));
  }
  const InterruptScope interrupt;
  engine::ScoreRun run;
  run.threads = options.threads;
  run.cancel = &interrupt.seen();
  if (const char* isa = std::getenv("FABULA_ISA")) run.isa = isa;
  return engine::compare_models(model, options.output, text, run);
}

void report(const Options& options, const Result<engine::ScoreChange>& change) {
  std::error_code ignored;
  const uint64_t bytes = std::filesystem::file_size(options.output, ignored);
  if (options.json) {
    OrderedJson document = {{"output", options.output}, {"type", options.type}, {"bytes", bytes}};
    if (change.ok())
      document["perplexity"] = {{"tokens", change->before.tokens},
                                {"before", change->before.perplexity()},
                                {"after", change->after.perplexity()},
                                {"change_percent", change->percent()}};
    return print_json(document);
  }
  fmt::print("{}: {:.1f} MB\n", options.output, static_cast<double>(bytes) / 1e6);
  if (change.ok())
    fmt::print("perplexity over {} tokens: {:.4f} before, {:.4f} after ({:+.2f} %)\n", change->before.tokens,
               change->before.perplexity(), change->after.perplexity(), change->percent());
}

Status quantize(App& app, const Options& options) {
  FABULA_ASSIGN(const auto path, resolve_model(app, options.model));
  const auto type = formats::dtype_from_name_or_none(options.type);
  if (!type || !formats::can_quantize(*type))
    return Error{ErrorCode::unsupported,
                 "Fabula does not write the type \"" + options.type + "\"; it writes " + writable_types()};
  const Status status = write(path, *type, options);
  if (!status.ok() && status.error().code == ErrorCode::cancelled) {
    std::fprintf(stderr, "cancelled: nothing was written\n");
    app.exit_code = 130;
    return {};
  }
  FABULA_TRY(status);
  Result<engine::ScoreChange> change = Error{ErrorCode::cancelled, ""};
  if (options.measure) {
    change = measure(path, options);
    // The file is written and whole; a model too large to be run here is no failure of that.
    if (!change.ok() && !options.text_file.empty()) return change.error();
    if (!change.ok())
      std::fprintf(stderr, "perplexity was not measured: %s\n", change.error().message.c_str());
  }
  report(options, change);
  return {};
}

}  // namespace

void add_quantize(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("model", options->model, "GGUF file, model directory or name")->required();
  command.add_option("type", options->type, "Of the matrices: " + writable_types())->required();
  command.add_option("-o,--output", options->output, "File to write")->required();
  command.add_option("--threads", options->threads, "Threads (default: all)")->check(CLI::Range(1, 1024));
  auto* text = command.add_option("--text", options->text_file,
                                  "Measure perplexity on this text instead of the built-in one");
  command.add_flag("!--no-perplexity", options->measure, "Write the file only")->excludes(text);
  command.add_flag("--json", options->json, "Print JSON");
  set_body(command, app, [options, &app] { return quantize(app, *options); });
}

}  // namespace fabula::cli
