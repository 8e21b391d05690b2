// models: what is at hand, and what can be made of it.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/remotes.h"
#include "core/formats/quant.h"
#include "core/model/library.h"
#include "core/model/quantise.h"

namespace fabula::cli {

namespace {

struct ListOptions {
  bool json = false;
};

Status list(const App& app, const ListOptions& options) {
  OrderedJson rows = OrderedJson::array();
  for (const model::LibraryEntry& entry : model::list_models(app.places())) {
    if (options.json)
      rows.push_back({{"name", entry.name},
                      {"path", entry.path.string()},
                      {"bytes", entry.bytes},
                      {"found_in", entry.found_in}});
    else
      fmt::print("{:<40} {:>9.1f} MB  {:<12} {}\n", entry.name, static_cast<double>(entry.bytes) / 1e6,
                 entry.found_in, entry.path.string());
  }
  if (options.json) print_json({{"models", rows}});
  return {};
}

struct QuantizeOptions {
  std::string model, type, output;
  int threads = 0;
};

Status quantize(const App& app, const QuantizeOptions& options) {
  FABULA_ASSIGN(const auto path, resolve_model(app, options.model));
  const auto type = formats::dtype_from_name_or_none(options.type);
  if (!type || !formats::can_quantize(*type))
    return Error{ErrorCode::unsupported, "Fabula does not write the type \"" + options.type + "\""};
  std::error_code ignored;
  if (std::filesystem::equivalent(path, options.output, ignored))
    return Error{ErrorCode::invalid_argument, options.output + " is the model itself"};
  model::QuantiseOptions quantise;
  quantise.type = *type;
  quantise.threads = options.threads;
  const bool terminal = ::isatty(STDERR_FILENO);
  if (terminal)
    quantise.on_progress = [](double fraction) { std::fprintf(stderr, "\r\033[K%3.0f %%", fraction * 100); };
  const Status status = model::quantise_model(path, options.output, quantise);
  if (terminal) std::fprintf(stderr, "\r\033[K");
  return status;
}

}  // namespace

void add_models(CLI::App& command, App& app) {
  command.require_subcommand(1);
  auto list_options = std::make_shared<ListOptions>();
  CLI::App* sub = command.add_subcommand("list", "The models at hand");
  sub->add_flag("--json", list_options->json, "Print JSON");
  set_body(*sub, app, [list_options, &app] { return list(app, *list_options); });

  auto quantize_options = std::make_shared<QuantizeOptions>();
  sub = command.add_subcommand("quantize", "Writes a float model as a GGUF file of another type");
  sub->add_option("model", quantize_options->model, "GGUF file, model directory or name")->required();
  sub->add_option("type", quantize_options->type, "f16, bf16, q8_0, q4_0, q4_K, ...")->required();
  sub->add_option("-o,--output", quantize_options->output, "File to write")->required();
  sub->add_option("--threads", quantize_options->threads, "Threads (default: all)")
      ->check(CLI::Range(1, 1024));
  set_body(*sub, app, [quantize_options, &app] { return quantize(app, *quantize_options); });
  add_remote_commands(command, app);
}

}  // namespace fabula::cli
