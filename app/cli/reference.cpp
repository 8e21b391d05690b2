#include "app/cli/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "core/base/build_info.h"

namespace fabula::cli {

namespace {

constexpr std::string_view program = "fabula-cli";

// CLI11 writes a set of allowed values into the type's name: TEXT:{auto,f32,f16}.
void split_type(const std::string& type, OptionText& out) {
  const size_t colon = type.find(':');
  out.value = type.substr(0, colon);
  const size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return;
  for (size_t at = open + 1; at < close;) {
    const size_t end = std::min(type.find(',', at), close);
    out.choices.push_back(type.substr(at, end - at));
    at = end + 1;
  }
}

OptionText describe_option(const CLI::Option& option) {
  OptionText out;
  for (const std::string& name : option.get_snames()) out.flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.flags.push_back("--" + name);
  out.what = option.get_description();
  if (option.get_items_expected_max() > 0) split_type(option.get_type_name(), out);
  if (out.flags.empty()) out.value = option.get_name(true);
  for (const std::string_view word : {"file", "File", "folder", "directory"})
    out.takes_file |= out.what.find(word) != std::string::npos;
  return out;
}

// Every command has --help; saying so once is enough.
void add_options(const CLI::App& command, CommandText& out) {
  for (const CLI::Option* option : command.get_options())
    if (option != command.get_help_ptr() || command.get_parent() == nullptr) out.options.push_back(describe_option(*option));
}

void describe_below(const CLI::App& command, std::vector<std::string> words, std::vector<CommandText>& all) {
  const size_t place = all.size();
  all.push_back({words, command.get_description(), {}, {}});
  add_options(command, all[place]);
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_name().empty()) {  // an option group
      add_options(*sub, all[place]);
      continue;
    }
    if (sub->get_group().empty()) continue;
    all[place].subcommands.push_back(sub->get_name());
    auto below = words;
    below.push_back(sub->get_name());
    describe_below(*sub, std::move(below), all);
  }
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  return fmt::format("{}", fmt::join(words, between));
}

// ---- manual page ----

std::string troff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && out.empty())
      out += std::string("\\&") + c;
    else
      out += c;
  }
  return out;
}

void write_options(const CommandText& command, std::string& out) {
  for (const OptionText& option : command.options) {
    out += ".TP\n";
    const std::string value = option.choices.empty() ? option.value : joined(option.choices, "|");
    if (option.flags.empty())
      out += "\\fI" + troff(option.value) + "\\fR\n";
    else if (value.empty())
      out += "\\fB" + troff(joined(option.flags, ", ")) + "\\fR\n";
    else
      out += "\\fB" + troff(joined(option.flags, ", ")) + "\\fR \\fI" + troff(value) + "\\fR\n";
    out += troff(option.what) + "\n";
  }
}

// ---- completions ----

std::string shell_word(std::string_view text) {  // for a shell, in single quotes
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bash_completion(const std::vector<CommandText>& commands) {
  std::string out = fmt::format(
      "# bash completion for {0}\n"
      "_fabula_cli() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} path= word next\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    next=${{path:+$path }}$word\n"
      "    case $next in\n",
      program);
  for (const CommandText& command : commands)
    if (!command.words.empty())
      out += fmt::format("      {}) path=$next ;;\n", shell_word(joined(command.words, " ")));
  out += "    esac\n  done\n  local words= files=\n  case \"$path $before\" in\n";
  for (const CommandText& command : commands)
    for (const OptionText& option : command.options)
      for (const std::string& flag : option.flags) {
        if (option.value.empty()) continue;
        out += fmt::format("    {}) ", shell_word(joined(command.words, " ") + " " + flag));
        if (!option.choices.empty())
          out += "COMPREPLY=($(compgen -W " + shell_word(joined(option.choices, " ")) + " -- \"$current\"))";
        else if (option.takes_file)
          out += "COMPREPLY=($(compgen -f -- \"$current\"))";
        else
          out += "COMPREPLY=()";
        out += "; return ;;\n";
      }
  out += "  esac\n  case $path in\n";
  for (const CommandText& command : commands) {
    std::vector<std::string> words = command.subcommands;
    bool files = false;
    for (const OptionText& option : command.options) {
      words.insert(words.end(), option.flags.begin(), option.flags.end());
      files |= option.flags.empty() && option.takes_file;
    }
    out += fmt::format("    {}) words={} files={} ;;\n", shell_word(joined(command.words, " ")),
                       shell_word(joined(words, " ")), files ? "1" : "");
  }
  out += fmt::format(
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [ -n \"$files\" ] && COMPREPLY+=($(compgen -f -- \"$current\"))\n"
      "}}\n"
      "complete -o filenames -F _fabula_cli {}\n",
      program);
  return out;
}

std::string zsh_completion(const std::vector<CommandText>& commands) {
  // zsh runs bash's completion functions; one table serves both.
  return fmt::format("#compdef {}\nautoload -U +X bashcompinit && bashcompinit\n", program) +
         bash_completion(commands);
}

std::string fish_completion(const std::vector<CommandText>& commands) {
  std::string out = fmt::format("# fish completion for {0}\ncomplete -c {0} -f\n", program);
  for (const CommandText& command : commands) {
    std::string condition;
    for (const std::string& word : command.words)
      condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
    if (!command.subcommands.empty())
      condition += (condition.empty() ? "" : "; and ") +
                   ("not __fish_seen_subcommand_from " + joined(command.subcommands, " "));
    const std::string head =
        fmt::format("complete -c {}{}", program, condition.empty() ? "" : " -n " + shell_word(condition));
    for (const std::string& sub : command.subcommands)
      for (const CommandText& other : commands)
        if (other.words.size() == command.words.size() + 1 && other.words.back() == sub &&
            std::equal(command.words.begin(), command.words.end(), other.words.begin()))
          out += fmt::format("{} -a {} -d {}\n", head, sub, shell_word(other.what));
    for (const OptionText& option : command.options) {
      std::string line = head;
      for (const std::string& flag : option.flags)
        line += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
      if (!option.value.empty() && !option.flags.empty()) line += " -r";
      if (!option.choices.empty()) line += " -a " + shell_word(joined(option.choices, " "));
      if (option.takes_file) line += " -F";
      if (option.flags.empty() && !option.takes_file) continue;
      out += line + " -d " + shell_word(option.what) + "\n";
    }
  }
  return out;
}

}  // namespace

std::vector<CommandText> describe(const CLI::App& root) {
  std::vector<CommandText> all;
  describe_below(root, {}, all);
  return all;
}

std::string man_page(const CLI::App& root, std::string_view version) {
  const auto commands = describe(root);
  std::string out =
      fmt::format(".TH FABULA\\-CLI 1 \"\" \"Fabula {}\" \"User Commands\"\n.SH NAME\nfabula\\-cli \\- {}\n",
                  version, troff(root.get_description()));
  out +=
      ".SH SYNOPSIS\n.B fabula\\-cli\n[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]\n.SH OPTIONS\n";
  write_options(commands.front(), out);
  out += ".SH COMMANDS\n";
  for (size_t i = 1; i < commands.size(); ++i) {
    out += fmt::format(".SS {}\n{}.\n", troff(joined(commands[i].words, " ")), troff(commands[i].what));
    write_options(commands[i], out);
  }
  out +=
      ".SH FILES\n"
      ".TP\n\\fI$XDG_DATA_HOME/fabula/fabula.db\\fR\nSessions.\n"
      ".TP\n\\fI$XDG_DATA_HOME/fabula/models/\\fR\nModels that Fabula fetched or wrote.\n"
      ".TP\n\\fI$XDG_CONFIG_HOME/fabula/settings.json\\fR\nSettings of the window.\n"
      ".TP\n\\fI$XDG_CACHE_HOME/fabula/\\fR\nWhat may be deleted at any time: stored prefixes, packed "
      "weights.\n"
      ".TP\n\\fI$XDG_STATE_HOME/fabula/log/\\fR\nLog files.\n"
      ".SH ENVIRONMENT\n"
      ".TP\n\\fBFABULA_ISA\\fR\nThe instruction set to use instead of the best one: scalar, avx2, avx2vnni, "
      "avx512, avx512vnni.\n"
      ".TP\n\\fBHF_HOME\\fR, \\fBHF_HUB_CACHE\\fR, \\fBHF_ENDPOINT\\fR, \\fBHF_TOKEN\\fR\nAs for other "
      "programs that use the Hugging Face hub.\n"
      ".SH EXIT STATUS\n0: done. 1: an error, told on standard error. 2: wrong usage.\n"
      ".SH SEE ALSO\n.BR fabula (1)\n";
  return out;
}

Result<std::string> completion(const CLI::App& root, std::string_view shell) {
  const auto commands = describe(root);
  if (shell == "bash") return bash_completion(commands);
  if (shell == "zsh") return zsh_completion(commands);
  if (shell == "fish") return fish_completion(commands);
  return Error{ErrorCode::invalid_argument,
               "completions are made for bash, zsh and fish, not for \"" + std::string(shell) + "\""};
}

void add_completion(CLI::App& command, App& app) {
  auto shell = std::make_shared<std::string>();
  command.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  const CLI::App* root = command.get_parent();
  set_body(command, app, [shell, root]() -> Status {
    FABULA_ASSIGN(const std::string text, completion(*root, *shell));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  });
}

void add_man(CLI::App& command, App& app) {
  command.group("");  // for the build of the packages
  const CLI::App* root = command.get_parent();
  set_body(command, app, [root]() -> Status {
    const std::string text = man_page(*root, fabula::version());
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  });
}

}  // namespace fabula::cli
