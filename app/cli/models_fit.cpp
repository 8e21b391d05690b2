// models fit: how much memory a model takes and how fast it will be, before it is loaded.
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/models_text.h"
#include "core/engine/fit.h"
#include "core/model/library.h"

namespace fabula::cli {

namespace {

OrderedJson json_of(const engine::Fit& fit) {
  return {{"precision", compute::precision_name(fit.precision)},
          {"kv_precision", compute::kv_precision_name(fit.kv_precision)},
          {"context", fit.context},
          {"weight_bytes", fit.memory.weight_bytes},
          {"kv_bytes", fit.memory.kv_bytes},
          {"scratch_bytes", fit.memory.scratch_bytes},
          {"bytes", fit.memory.total()},
          {"layers", fit.layers},
          {"gpu_layers", fit.gpu_layers},
          {"fits", fit.fits},
          {"tokens_per_second", fit.tokens_per_second}};
}

std::string row(const engine::Fit& fit) {
  return fmt::format("{:<10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>9}  {}{}", compute::precision_name(fit.precision), fit.context,
                     size_text(fit.memory.weight_bytes), size_text(fit.memory.kv_bytes), size_text(fit.memory.scratch_bytes),
                     size_text(fit.memory.total()), fit.tokens_per_second > 0 ? fmt::format("{:.3g}", fit.tokens_per_second) : "-",
                     fit.fits ? "fits" : "too large", fit.gpu_layers > 0 ? fmt::format(", {} of {} layers on the GPU", fit.gpu_layers, fit.layers) : "");
}

Status fit(const App& app, const EngineFlags& flags, const std::string& name, bool json) {
  FABULA_ASSIGN(const auto path, resolve_model(app, name));
  FABULA_ASSIGN(const engine::ModelLoad load, flags.load_for(path));
  FABULA_ASSIGN(const auto model, model::open_model(path, {.fingerprint = false}));
  const char* isa = std::getenv("FABULA_ISA");
  const engine::Machine machine = engine::measure_machine(flags.threads, isa ? isa : "");
  FABULA_ASSIGN(const engine::Fit asked, engine::fit(*model, load, {}, machine));
  const auto table = engine::fit_table(*model, load, {}, machine);
  const auto nearest = asked.fits ? std::nullopt : engine::nearest_fit(*model, load, {}, machine);
  if (json) {
    OrderedJson rows = OrderedJson::array();
    for (const engine::Fit& one : table) rows.push_back(json_of(one));
    print_json({{"available_bytes", machine.available_bytes},
                {"gpu_free_bytes", machine.gpu_free_bytes},
                {"dram_read_gb_s", machine.read_bytes_per_second / 1e9},
                {"asked", json_of(asked)},
                {"alternative", nearest ? json_of(*nearest) : OrderedJson()},
                {"table", rows}});
    return {};
  }
  fmt::print("{:<10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>9}\n", "PRECISION", "CONTEXT", "WEIGHTS", "KV", "BUFFERS", "TOGETHER", "TOKENS/S");
  for (const engine::Fit& one : table) fmt::print("{}\n", row(one));
  fmt::print("\n{} of memory are free; {:.3g} GB/s are read by all threads.\n", size_text(machine.available_bytes), machine.read_bytes_per_second / 1e9);
  if (machine.gpu_free_bytes > 0) fmt::print("{} of the GPU's memory are free.\n", size_text(machine.gpu_free_bytes));
  if (asked.fits)
    fmt::print("With a context of {} it takes {} and fits.\n", asked.context, size_text(asked.memory.total()));
  else if (nearest)
    fmt::print("With a context of {} it takes {}: too large now. What works: --precision {} --kv-precision {} --context {} ({}).\n", asked.context,
               size_text(asked.memory.total()), compute::precision_name(nearest->precision), compute::kv_precision_name(nearest->kv_precision),
               nearest->context, size_text(nearest->memory.total()));
  else
    fmt::print("With a context of {} it takes {}: too large now, and no smaller type or context fits. A smaller model would.\n", asked.context,
               size_text(asked.memory.total()));
  return {};
}

}  // namespace

void add_fit(CLI::App& command, App& app) {
  struct Options {
    std::string model;
    EngineFlags flags;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* sub = command.add_subcommand("fit", "Memory and speed of a model before it is loaded");
  sub->add_option("model", options->model, "GGUF file, model directory or name")->required();
  options->flags.add_to(*sub);
  sub->add_flag("--json", options->json, "Print JSON");
  set_body(*sub, app, [options, &app] { return fit(app, options->flags, options->model, options->json); });
}

}  // namespace fabula::cli
