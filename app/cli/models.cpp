// models: what is at hand, and what can be made of it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/remotes.h"
#include "core/model/library.h"

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

}  // namespace

void add_models(CLI::App& command, App& app) {
  command.require_subcommand(1);
  auto list_options = std::make_shared<ListOptions>();
  CLI::App* sub = command.add_subcommand("list", "The models at hand");
  sub->add_flag("--json", list_options->json, "Print JSON");
  set_body(*sub, app, [list_options, &app] { return list(app, *list_options); });

  add_quantize(*command.add_subcommand("quantize", "Writes a float model as a GGUF file of another type"), app);
  add_remote_commands(command, app);
}

}  // namespace fabula::cli
