// Servers elsewhere on the command line: models add-remote, remove-remote, list-remote, and generate -m
// remote:NAME/model.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/cli/common.h"
#include "app/cli/constraint_flags.h"
#include "app/cli/sampling_flags.h"
#include "core/engine/remote_endpoints.h"

namespace fabula::cli {

void add_remote_commands(CLI::App& models, App& app);

struct RemotePrompt {
  std::string text;
  bool chat = false, json = false;
};
// generate on a remote model. Token ids are absent from its answer; flags that not every server takes are errors.
Status generate_remote(App& app, const engine::RemoteName& name, const RemotePrompt& prompt,
                       const SamplingFlags& sampling);

}  // namespace fabula::cli
