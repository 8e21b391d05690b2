// fabula-cli: the engine and the sessions on the command line. The commands are listed in commands.cpp.

#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "core/base/build_info.h"

int main(int argc, char** argv) {
  fabula::cli::App app;
  CLI::App root("Stories and chats with language models on your own machine", "fabula-cli");
  root.set_version_flag("--version", fabula::version_text());
  root.add_option("--data-dir", app.data_dir, "Keep configuration, data, cache and state below this folder");
  root.require_subcommand(1);
  root.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "fabula-cli: " + std::string(error.what()) + "\n";
  });
  fabula::cli::add_all(root, app);
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return root.exit(error) == 0 ? 0 : fabula::cli::exit_usage;
  }
  if (!app.outcome.ok()) {
    std::fprintf(stderr, "fabula-cli: %s\n", app.outcome.error().message.c_str());
    return 1;
  }
  return app.exit_code;
}
