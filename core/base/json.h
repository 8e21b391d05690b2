// JSON from strangers: bounded in depth, without exceptions, duplicate keys refused where asked.
// Non-goal: hiding nlohmann/json; rooms include it in their .cpp files and only json_fwd.hpp in headers.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace fabula {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // keeps the order of keys as written

struct JsonLimits {
  size_t max_bytes = size_t{256} << 20;
  int max_depth = 128;
  bool refuse_duplicate_keys = false;
};

// `what` names the source in messages ("config.json", "request body"). Errors: corrupt.
Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits = {});
Result<OrderedJson> parse_ordered_json(std::string_view text, std::string_view what, const JsonLimits& limits = {});

// One line; text that is not UTF-8 is written with U+FFFD instead of failing.
std::string dump_json(const Json& value, int indent = -1);
std::string dump_json(const OrderedJson& value, int indent = -1);

}  // namespace fabula
