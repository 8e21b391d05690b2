#include "core/grammar/json_text.h"

#include <nlohmann/json.hpp>

namespace fabula::grammar {

namespace {

Expr hex_digits(Builder& builder, int count) {
  const Expr digit = builder.one_of({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  return builder.repeat(digit, count, count);
}

}  // namespace

const CodePoints& plain_characters() {
  static const CodePoints set = CodePoints::all().without({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
  return set;
}

Expr json_character(Builder& builder, const CodePoints& set) {
  std::vector<Expr> ways;
  const CodePoints plain = set.common(plain_characters());
  if (!plain.empty()) ways.push_back(builder.one_of(plain));
  std::vector<std::string> escapes;
  const CodePoints others = set.without(plain_characters());
  for (const CodePointRange& range : others.ranges())
    for (char32_t c = range.first; c <= range.last; ++c) {
      const std::string quoted = json_constant(std::string(1, static_cast<char>(c)));
      escapes.push_back(quoted.substr(1, quoted.size() - 2));
    }
  if (!escapes.empty()) ways.push_back(builder.any_literal(std::move(escapes)));
  return builder.choice(std::move(ways));
}

Expr any_json_character(Builder& builder) {
  const CodePoints upper_and_lower_d = {{'D', 'D'}, {'d', 'd'}};
  const CodePoints other_hex = {{'0', '9'}, {'A', 'C'}, {'E', 'F'}, {'a', 'c'}, {'e', 'f'}};
  const Expr d = builder.one_of(upper_and_lower_d);
  const Expr low = builder.sequence(
      {builder.literal("\\u"), d, builder.one_of({{'C', 'F'}, {'c', 'f'}}), hex_digits(builder, 2)});
  const Expr high_and_low = builder.sequence(
      {d, builder.one_of({{'8', '9'}, {'A', 'B'}, {'a', 'b'}}), hex_digits(builder, 2), low});
  const Expr unit = builder.choice({builder.sequence({builder.one_of(other_hex), hex_digits(builder, 3)}),
                                    builder.sequence({d, builder.one_of({{'0', '7'}}), hex_digits(builder, 2)}),
                                    high_and_low});
  const Expr escape = builder.sequence(
      {builder.literal("\\"),
       builder.choice({builder.one_of({{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}}),
                       builder.sequence({builder.literal("u"), unit})})});
  return builder.choice({builder.one_of(plain_characters()), escape});
}

std::string json_constant(const OrderedJson& value) {
  return dump_json(value);
}

}  // namespace fabula::grammar
