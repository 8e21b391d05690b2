// The command line of `fabula`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace fabula::gui {

struct Arguments {
  std::string data_dir;  // "": the XDG places
  std::string model;     // path; "": what the mode remembers
  std::string mode;      // "story", "chat" or ""
  std::string file;      // a model or an exported session to open; "": none
  bool new_window = false;  // beside a window that is open already
  bool help = false, version = false;
};

// Errors: invalid_argument, with the words to show. The first entry is the first argument, not the program.
Result<Arguments> parse_arguments(const std::vector<std::string>& words);
std::string usage();

}  // namespace fabula::gui
