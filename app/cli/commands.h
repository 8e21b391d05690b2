// The list of commands. Adding one is one function and one row of the table in commands.cpp.
#pragma once

#include <CLI/CLI.hpp>

#include "app/cli/common.h"

namespace fabula::cli {

// Declares the command's options on `command` and sets its callback; the callback runs after parsing, with
// `app` filled.
void add_inspect(CLI::App& command, App& app);
void add_tokenize(CLI::App& command, App& app);
void add_detokenize(CLI::App& command, App& app);
void add_render(CLI::App& command, App& app);
void add_generate(CLI::App& command, App& app);
void add_logits(CLI::App& command, App& app);
void add_quantize(CLI::App& command, App& app);  // below models
void add_score(CLI::App& command, App& app);
void add_bench(CLI::App& command, App& app);
void add_chat(CLI::App& command, App& app);
void add_serve(CLI::App& command, App& app);
void add_sessions(CLI::App& command, App& app);
void add_replay(CLI::App& sessions, App& app);  // below sessions
void add_models(CLI::App& command, App& app);
void add_fit(CLI::App& models, App& app);         // below models
void add_hub_models(CLI::App& models, App& app);  // below models
void add_completion(CLI::App& command, App& app);
void add_man(CLI::App& command, App& app);

void add_all(CLI::App& root, App& app);

}  // namespace fabula::cli
