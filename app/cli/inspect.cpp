#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/common.h"
#include "core/compute/precision_report.h"
#include "core/model/model.h"

namespace fabula::cli {

namespace {

struct Options {
  std::string model, precision;
  bool json = false;
};

OrderedJson report_json(const std::vector<compute::TensorReport>& report) {
  OrderedJson rows = OrderedJson::array();
  for (const compute::TensorReport& tensor : report)
    rows.push_back({{"name", tensor.name},
                    {"stored", formats::dtype_info(tensor.stored).name},
                    {"effective", formats::dtype_info(tensor.effective).name},
                    {"max_abs", tensor.max_abs},
                    {"min_abs", tensor.min_abs},
                    {"f16_flushed_share", tensor.f16_flushed_share},
                    {"f16_overflow_share", tensor.f16_overflow_share},
                    {"relative_error", tensor.relative_error}});
  return rows;
}

void print_report(const std::vector<compute::TensorReport>& report) {
  fmt::print("\n  {:<44} {:>8} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "tensor", "stored", "loaded", "least",
             "most", "f16 lost", "f16 over", "error");
  for (const compute::TensorReport& tensor : report)
    fmt::print("  {:<44} {:>8} {:>8} {:>10.3g} {:>10.3g} {:>10.2e} {:>10.2e} {:>10.2e}\n", tensor.name,
               formats::dtype_info(tensor.stored).name, formats::dtype_info(tensor.effective).name,
               tensor.min_abs, tensor.max_abs, tensor.f16_flushed_share, tensor.f16_overflow_share, tensor.relative_error);
}

OrderedJson describe(const model::Model& model) {
  OrderedJson dtypes = OrderedJson::object();
  for (const auto& [name, count] : model.info.dtypes) dtypes[name] = count;
  return {{"format", model.info.format},
          {"architecture", model.info.architecture},
          {"parameters", model.info.parameters},
          {"layers", model.spec.n_layers},
          {"hidden", model.spec.hidden},
          {"context_length", model.spec.context_length},
          {"vocab_size", model.spec.vocab},
          {"dtypes", dtypes},
          {"bytes", model.info.bytes},
          {"chat_template", model.chat_template != nullptr},
          {"fingerprint", model.info.fingerprint}};
}

void print_plain(const model::Model& model) {
  const auto& spec = model.spec;
  fmt::print("{}  ({}, {})\n", model.info.name, model.info.format, model.info.architecture);
  fmt::print("  parameters   {:.1f} M in {:.1f} MB\n", static_cast<double>(model.info.parameters) / 1e6,
             static_cast<double>(model.info.bytes) / 1e6);
  fmt::print("  layers       {} of width {}, {} heads ({} for KV) of {}\n", spec.n_layers, spec.hidden,
             spec.n_heads, spec.n_kv_heads, spec.head_dim);
  fmt::print("  vocabulary   {} tokens, context {}\n", spec.vocab, spec.context_length);
  fmt::print("  types       ");
  for (const auto& [name, count] : model.info.dtypes) fmt::print(" {} x {}", count, name);
  fmt::print("\n  chat         {}\n", model.chat_template ? "has a template" : model.chat_template_error);
  if (!model.info.licence.empty()) fmt::print("  licence      {}\n", model.info.licence);
  fmt::print("  fingerprint  {}\n", model.info.fingerprint);
}

}  // namespace

void add_inspect(CLI::App& command, App& app) {
  auto options = std::make_shared<Options>();
  command.add_option("model", options->model, "GGUF file, model directory or name")->required();
  command
      .add_option("--precision", options->precision,
                  "Also what loading at this precision makes of each tensor")
      ->transform(known_precision());
  command.add_flag("--json", options->json, "Print JSON");
  set_body(command, app, [options, &app]() -> Status {
    FABULA_ASSIGN(const auto path, resolve_model(app, options->model));
    FABULA_ASSIGN(const auto model,
                  model::open_model(path, {.fingerprint_folder = app.places().fingerprint_folder()}));
    std::vector<compute::TensorReport> report;
    if (!options->precision.empty()) {
      FABULA_ASSIGN(const compute::Precision precision, compute::precision_from_name(options->precision));
      FABULA_ASSIGN(report, compute::report_precision(model->spec, *model->source, precision));
    }
    if (options->json) {
      OrderedJson document = describe(*model);
      if (!options->precision.empty()) document["precision"] = report_json(report);
      print_json(document);
      return {};
    }
    print_plain(*model);
    if (!options->precision.empty()) print_report(report);
    return {};
  });
}

}  // namespace fabula::cli
