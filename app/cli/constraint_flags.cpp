#include "app/cli/constraint_flags.h"

#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/grammar/gbnf.h"
#include "core/grammar/json_schema.h"

namespace fabula::cli {

namespace {

constexpr uint64_t max_file_bytes = 1 << 20;

Result<grammar::GrammarPtr> schema_of(const std::string& path) {
  FABULA_ASSIGN(const std::string text, read_file(path, max_file_bytes));
  FABULA_ASSIGN(const OrderedJson schema, parse_ordered_json(text, path));
  return grammar::read_json_schema(schema);
}

Result<grammar::GrammarPtr> grammar_of(const std::string& path) {
  FABULA_ASSIGN(const std::string text, read_file(path, max_file_bytes));
  return grammar::read_gbnf(text);
}

}  // namespace

void ConstraintFlags::add_to(CLI::App& command) {
  auto* json = command.add_flag("--json-mode", json_mode, "The reply is a JSON object");
  auto* schema = command.add_option("--json-schema", json_schema, "The reply satisfies the JSON Schema of this file");
  auto* rules = command.add_option("--grammar", grammar, "The reply follows the GBNF grammar of this file");
  json->excludes(schema)->excludes(rules);
  schema->excludes(rules);
}

Result<std::shared_ptr<const grammar::Constraint>> ConstraintFlags::constraint(
    const engine::Engine::LoadedModel& loaded) const {
  if (!given()) return std::shared_ptr<const grammar::Constraint>();
  FABULA_ASSIGN(grammar::GrammarPtr compiled, json_mode              ? grammar::any_json_object()
                                              : !json_schema.empty() ? schema_of(json_schema)
                                                                     : grammar_of(grammar));
  return std::make_shared<const grammar::Constraint>(
      grammar::Constraint{std::move(compiled), loaded.vocabulary->get()});
}

}  // namespace fabula::cli
