// The command line described by itself: its manual page and the completions of the common shells, made from
// the same declarations that parse it, so that they cannot differ from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/cli/commands.h"

namespace fabula::cli {

struct OptionText {
  std::vector<std::string> flags;    // "-m", "--model"; empty: positional
  std::string value;                 // "TEXT"; empty: takes none
  std::vector<std::string> choices;  // where only these are taken
  std::string what;
  bool takes_file = false;
};

struct CommandText {
  std::vector<std::string> words;  // {"models", "list"}; empty: the program itself
  std::string what;
  std::vector<OptionText> options;
  std::vector<std::string> subcommands;
};

// The program first, then every command, depth first. Commands of an empty group are left out.
std::vector<CommandText> describe(const CLI::App& root);

std::string man_page(const CLI::App& root, std::string_view version);          // troff, section 1
Result<std::string> completion(const CLI::App& root, std::string_view shell);  // bash, zsh, fish

}  // namespace fabula::cli
