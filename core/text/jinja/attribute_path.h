// The `attribute` argument of map, sort, groupby, ...: "address.city", 0, "age,name".
#pragma once

#include <vector>

#include "core/text/jinja/runtime.h"

namespace fabula::text::jinja {

class AttributePath {
 public:
  // `attribute` missing or none: the item itself. `fallback` missing: none.
  AttributePath(Runtime& runtime, const Value& attribute, Value fallback = {}, bool ignore_case = false);
  Value get(Runtime& runtime, const Value& item) const;

 private:
  std::vector<Value> parts_;
  Value fallback_;
  bool ignore_case_;
};

Value ignore_case(Runtime& runtime, const Value& value);  // strings to lower case

}  // namespace fabula::text::jinja
