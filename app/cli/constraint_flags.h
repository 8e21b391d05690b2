// What a reply must look like, on the command line: --json-mode, --json-schema FILE, --grammar FILE.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "core/engine/engine.h"

namespace fabula::cli {

struct ConstraintFlags {
  bool json_mode = false;
  std::string json_schema, grammar;

  void add_to(CLI::App& command);
  bool given() const { return json_mode || !json_schema.empty() || !grammar.empty(); }
  // null where no flag was given. Errors: whatever is wrong with the file, the schema or the grammar.
  Result<std::shared_ptr<const grammar::Constraint>> constraint(const engine::Engine::LoadedModel& loaded) const;
};

}  // namespace fabula::cli
