#include "app/gui/arguments.h"

namespace fabula::gui {

Result<Arguments> parse_arguments(const std::vector<std::string>& words) {
  Arguments out;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string name = words[i], value;
    bool has_value = false;
    if (const size_t equals = name.find('='); name.starts_with("--") && equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
      has_value = true;
    }
    if (name == "--help" || name == "-h") {
      out.help = true;
      continue;
    }
    if (name == "--version") {
      out.version = true;
      continue;
    }
    if (name == "--new-window") {
      out.new_window = true;
      continue;
    }
    if (!name.starts_with("-") && out.file.empty()) {
      out.file = words[i];
      continue;
    }
    std::string* target = name == "--data-dir" ? &out.data_dir : name == "--model" || name == "-m" ? &out.model : name == "--mode" ? &out.mode : nullptr;
    if (target == nullptr) return Error{ErrorCode::invalid_argument, "unknown argument " + words[i] + " (fabula --help lists them)"};
    if (!has_value) {
      if (i + 1 >= words.size()) return Error{ErrorCode::invalid_argument, name + " needs a value"};
      value = words[++i];
    }
    if (value.empty()) return Error{ErrorCode::invalid_argument, name + " needs a value"};
    *target = value;
  }
  if (!out.mode.empty() && out.mode != "story" && out.mode != "chat") {
    return Error{ErrorCode::invalid_argument, "--mode is story or chat, not " + out.mode};
  }
  return out;
}

std::string usage() {
  return "Usage: fabula [options] [FILE]\n\n"
         "  FILE                a model or an exported session to open; where a window is open already, it opens there\n"
         "  --new-window        a second window beside the one that is open, with the same sessions\n"
         "  --data-dir DIR      keep settings, sessions, cache and log below DIR\n"
         "  --model PATH        a GGUF file or a model directory, for the mode shown first\n"
         "  --mode story|chat   the mode shown first\n"
         "  --version           print the version\n"
         "  --help              print this text\n\n"
         "Environment: FABULA_ISA (scalar, avx2, ...) chooses the kernels, FABULA_AUTOMATION=PATH opens the automation socket.\n";
}

}  // namespace fabula::gui
