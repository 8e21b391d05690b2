// models: what is at hand, and what can be made of it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/remotes.h"
#include "app/cli/models_text.h"
#include "core/base/clock.h"
#include "core/model/library.h"

namespace fabula::cli {

namespace {

struct ListOptions {
  bool json = false;
};

OrderedJson json_of(const model::LibraryEntry& entry) {
  const model::ModelCard& card = entry.card;
  const auto or_null = [](const std::string& text) { return text.empty() ? OrderedJson() : OrderedJson(text); };
  return {{"name", entry.name},
          {"path", entry.path.string()},
          {"bytes", entry.bytes},
          {"found_in", entry.found_in},
          {"source", or_null(entry.source)},
          {"format", or_null(card.format)},
          {"architecture", or_null(card.architecture)},
          {"parameters", card.parameters},
          {"type", or_null(card.type)},
          {"context_length", card.context_length},
          {"licence", or_null(card.licence)},
          {"chat_template", card.chats},
          {"fingerprint", or_null(card.fingerprint)},
          {"last_used", entry.last_used > 0 ? OrderedJson(format_rfc3339(entry.last_used)) : OrderedJson()},
          {"unusable", or_null(card.unusable)}};
}

Status list(const App& app, const ListOptions& options) {
  const std::vector<model::LibraryEntry> entries = model::list_models(app.places());
  if (options.json) {
    OrderedJson rows = OrderedJson::array();
    for (const model::LibraryEntry& entry : entries) rows.push_back(json_of(entry));
    print_json({{"models", rows}});
    return {};
  }
  size_t widest = 4;
  for (const model::LibraryEntry& entry : entries) widest = std::max(widest, entry.name.size());
  widest = std::min<size_t>(widest, 48);
  if (!entries.empty())
    fmt::print("{:<{}}  {:>8} {:<8} {:>9} {:>8}  {:<14} {:<10} {}\n", "NAME", widest, "PARAMS", "TYPE", "SIZE", "CONTEXT",
               "LICENCE", "USED", "FROM");
  for (const model::LibraryEntry& entry : entries) {
    const model::ModelCard& card = entry.card;
    const std::string from = entry.found_in + (entry.source.empty() || entry.source == entry.name ? "" : ": " + entry.source);
    if (!card.unusable.empty()) {
      fmt::print("{:<{}}  {:>8} {:<8} {:>9}  cannot be used: {}\n", escape_controls(entry.name), widest, "-", "-", size_text(entry.bytes),
                 escape_controls(card.unusable));
      continue;
    }
    fmt::print("{:<{}}  {:>8} {:<8} {:>9} {:>8}  {:<14} {:<10} {}\n", escape_controls(entry.name), widest, count_text(card.parameters), card.type,
               size_text(entry.bytes), card.context_length, card.licence.empty() ? "-" : escape_controls(card.licence).substr(0, 14),
               entry.last_used > 0 ? format_rfc3339(entry.last_used).substr(0, 10) : "-", escape_controls(from));
  }
  if (entries.empty())
    fmt::print("No models yet. Put GGUF files or Hugging Face folders below {}, or fetch one with: fabula-cli models pull org/name\n",
               app.places().models_folder().string());
  return {};
}

}  // namespace

void add_models(CLI::App& command, App& app) {
  command.require_subcommand(1);
  auto list_options = std::make_shared<ListOptions>();
  CLI::App* sub = command.add_subcommand("list", "The models at hand");
  sub->add_flag("--json", list_options->json, "Print JSON");
  set_body(*sub, app, [list_options, &app] { return list(app, *list_options); });

  add_fit(command, app);
  add_hub_models(command, app);
  add_quantize(*command.add_subcommand("quantize", "Writes a float model as a GGUF file of another type"), app);
  add_remote_commands(command, app);
}

}  // namespace fabula::cli
