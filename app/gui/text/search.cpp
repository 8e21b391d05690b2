#include "app/gui/text/search.h"

#include <utf8proc.h>

#include <cstdint>
#include <string>

#include "core/base/utf8.h"

namespace fabula::text {

namespace {

struct Folded {
  std::u32string points;
  std::vector<uint32_t> bytes;  // where each begins, and the end
};

Folded fold(std::string_view text, bool match_case) {
  Folded out;
  out.points.reserve(text.size());
  out.bytes.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size();) {
    out.bytes.push_back(static_cast<uint32_t>(at));
    const char32_t c = decode_utf8(text, at);
    out.points += match_case ? c : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
  }
  out.bytes.push_back(static_cast<uint32_t>(text.size()));
  return out;
}

}  // namespace

std::vector<std::pair<size_t, size_t>> find_all(std::string_view text, std::string_view needle,
                                                size_t limit, bool match_case) {
  std::vector<std::pair<size_t, size_t>> out;
  if (needle.empty()) return out;
  const Folded hay = fold(text, match_case), wanted = fold(needle, match_case);
  for (size_t at = hay.points.find(wanted.points); at != std::u32string::npos && out.size() < limit;) {
    const size_t end = at + wanted.points.size();
    out.emplace_back(hay.bytes[at], hay.bytes[end]);
    at = hay.points.find(wanted.points, end);
  }
  return out;
}

}  // namespace fabula::text
