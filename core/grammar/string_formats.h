// What `format` of a JSON Schema string means here: one row each, as a regular expression that is at least as
// strict as the format (RFC 3339, RFC 4122, RFC 1123, ISO 8601 durations).
#pragma once

#include <string_view>

namespace fabula::grammar {

// "" where there is no such row.
std::string_view format_pattern(std::string_view format);

}  // namespace fabula::grammar
