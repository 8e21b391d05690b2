// models: what is at hand, and what can be made of it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "core/model/library.h"

namespace fabula::cli {

namespace {

struct Options {
  bool json = false;
};

Status list(const App& app, const Options& options) {
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

}  // namespace

void add_models(CLI::App& command, App& app) {
  command.require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* sub = command.add_subcommand("list", "The models at hand");
  sub->add_flag("--json", options->json, "Print JSON");
  set_body(*sub, app, [options, &app] { return list(app, *options); });
}

}  // namespace fabula::cli
