#include "core/text/jinja/attribute_path.h"

#include "core/base/utf8.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

AttributePath::AttributePath(Runtime& runtime, const Value& attribute, Value fallback, bool ignore_case)
    : fallback_(std::move(fallback)), ignore_case_(ignore_case) {
  if (attribute.is(Kind::missing) || attribute.is(Kind::none)) return;
  if (!attribute.is(Kind::string)) {
    parts_.push_back(attribute);
    return;
  }
  const std::string_view path = view_of(attribute);
  for (const Piece& piece : split(path, ".", -1)) {
    const std::string_view part = path.substr(piece.begin, piece.end - piece.begin);
    bool digits = !part.empty();
    for (size_t at = 0; at < part.size();) digits &= is_digit(decode_utf8(part, at));
    const auto number = digits ? parse_int(runtime, part, 10) : std::nullopt;
    parts_.push_back(number ? *number : runtime.string(part));
  }
}

Value AttributePath::get(Runtime& runtime, const Value& item) const {
  Value value = item;
  for (const Value& part : parts_) {
    value = get_item(runtime, value, part);
    if (value.is(Kind::undefined) && !fallback_.is(Kind::missing) && !fallback_.is(Kind::none))
      value = fallback_;
  }
  return ignore_case_ ? ignore_case(runtime, value) : value;
}

Value ignore_case(Runtime& runtime, const Value& value) {
  return value.is(Kind::string) ? runtime.heap.string(change_case(runtime, text_of(value), Case::lower))
                                : value;
}

}  // namespace fabula::text::jinja
