// json.dumps as Python writes it; characters of strings keep their origin.
#pragma once

#include <optional>
#include <string>

#include "core/text/jinja/runtime.h"

namespace fabula::text::jinja {

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // none: everything on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};

// From the filter's arguments, each of which may be missing.
JsonStyle json_style(Runtime& runtime, const Value& ensure_ascii, const Value& indent,
                     const Value& separators, const Value& sort_keys);

Value json_dumps(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace fabula::text::jinja
