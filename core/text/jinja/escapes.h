// Escapes in string literals, as Python's unicode-escape codec reads them.
#pragma once

#include <string>
#include <string_view>

namespace fabula::text::jinja {

std::string unescape(std::string_view literal);  // TemplateSyntaxError with the codec's words

}  // namespace fabula::text::jinja
