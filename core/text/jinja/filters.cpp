// All filters by name.
#include "core/text/jinja/builtin.h"

namespace fabula::text::jinja {

const Builtin* find_filter(std::string_view name) {
  for (const auto table : {text_filters(), sequence_filters(), select_filters(), number_filters(),
                           layout_filters(), markup_filters()})
    if (const Builtin* found = find_builtin(table, name)) return found;
  return nullptr;
}

}  // namespace fabula::text::jinja
