#include "core/grammar/json_rules.h"

#include <algorithm>

#include "core/base/utf8.h"
#include "core/grammar/json_text.h"

namespace fabula::grammar {

Expr JsonRules::once(const std::string& name, Expr (JsonRules::*make)()) {
  const auto found = made_.find(name);
  if (found != made_.end()) return found->second;
  const Expr made = builder_.as_call(name, (this->*make)());
  return made_[name] = made;
}

Expr JsonRules::space() { return once("space", &JsonRules::make_space); }
Expr JsonRules::string() { return once("string", &JsonRules::make_string); }
Expr JsonRules::integer() { return once("integer", &JsonRules::make_integer); }
Expr JsonRules::number() { return once("number", &JsonRules::make_number); }
Expr JsonRules::character() { return once("character", &JsonRules::make_character); }

Expr JsonRules::make_space() {
  const Expr indent = builder_.repeat(builder_.one_of({{' ', ' '}}), 0, 20);
  return builder_.choice(
      {builder_.nothing(), builder_.literal(" "), builder_.sequence({builder_.literal("\n"), indent})});
}

Expr JsonRules::make_character() { return any_json_character(builder_); }

Expr JsonRules::make_string() {
  const Expr body = builder_.repeat(any_json_character(builder_), 0, Builder::unbounded);
  return builder_.sequence({builder_.literal("\""), body, builder_.literal("\"")});
}

Expr JsonRules::string(int64_t least, int64_t most) {
  const Expr body = builder_.repeat(character(), least, most);
  return builder_.sequence({builder_.literal("\""), body, builder_.literal("\"")});
}

Expr JsonRules::make_integer() {
  const Expr digit = builder_.one_of({{'0', '9'}});
  const Expr positive = builder_.sequence({builder_.one_of({{'1', '9'}}), builder_.repeat(digit, 0, 15)});
  return builder_.choice(
      {builder_.literal("0"), positive, builder_.sequence({builder_.literal("-"), positive})});
}

Expr JsonRules::make_number() {
  const Expr digit = builder_.one_of({{'0', '9'}});
  const Expr fraction = builder_.sequence({builder_.literal("."), builder_.repeat(digit, 1, 16)});
  const Expr exponent = builder_.sequence({builder_.one_of({{'E', 'E'}, {'e', 'e'}}),
                                           builder_.optional(builder_.one_of({{'+', '+'}, {'-', '-'}})),
                                           builder_.repeat(digit, 1, 2)});
  return builder_.sequence({integer(), builder_.optional(fraction), builder_.optional(exponent)});
}

Expr JsonRules::boolean() { return builder_.any_literal({"true", "false"}); }

Expr JsonRules::value(int level) {
  const std::string name = "value " + std::to_string(level);
  const auto found = made_.find(name);
  if (found != made_.end()) return found->second;
  std::vector<Expr> kinds = {string(), number(), boolean(), null()};
  if (level < deepest_value) {
    kinds.push_back(object(level));
    kinds.push_back(array(level));
  }
  const Expr made = builder_.as_call(name, builder_.choice(std::move(kinds)));
  return made_[name] = made;
}

Expr JsonRules::object(int level) {
  const Expr member = builder_.as_call(
      "member", builder_.sequence({string(), space(), builder_.literal(":"), space(), value(level + 1), space()}));
  const Expr more = builder_.sequence({builder_.literal(","), space(), member});
  const Expr members = builder_.sequence({member, builder_.repeat(more, 0, Builder::unbounded)});
  return builder_.sequence(
      {builder_.literal("{"), space(), builder_.optional(members), builder_.literal("}")});
}

Expr JsonRules::array(int level) { return list_of(value(level + 1), 0, Builder::unbounded); }

Expr JsonRules::list_of(Expr item, int64_t least, int64_t most) {
  const Expr open = builder_.sequence({builder_.literal("["), space()});
  if (most == 0) return builder_.sequence({open, builder_.literal("]")});
  const Expr more = builder_.as_call("item", builder_.sequence({builder_.literal(","), space(), item, space()}));
  const int64_t others = most == Builder::unbounded ? Builder::unbounded : most - 1;
  const Expr filled =
      builder_.sequence({item, space(), builder_.repeat(more, std::max<int64_t>(least - 1, 0), others)});
  return builder_.sequence({open, least > 0 ? filled : builder_.optional(filled), builder_.literal("]")});
}

Expr JsonRules::string_but(const std::vector<std::string>& texts) {
  std::vector<std::u32string> words;
  for (const std::string& text : texts) {
    std::u32string word;
    for (size_t at = 0; at < text.size();) word += decode_utf8(text, at);
    words.push_back(std::move(word));
  }
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return builder_.sequence({builder_.literal("\""), none_of(words, 0, words.size(), 0)});
}

// The rest of a string, closing quote included, that is none of texts[begin, end), which share their first
// `depth` characters. Nothing is escaped here, so that no word has a second spelling.
Expr JsonRules::none_of(const std::vector<std::u32string>& texts, size_t begin, size_t end, size_t depth) {
  const Expr any = builder_.repeat(builder_.one_of(plain_characters()), 0, Builder::unbounded);
  std::vector<Expr> ways;
  size_t at = begin;
  if (at < end && texts[at].size() == depth)
    ++at;
  else
    ways.push_back(builder_.literal("\""));
  CodePoints others = plain_characters();
  while (at < end) {
    const char32_t c = texts[at][depth];
    size_t behind = at + 1;
    while (behind < end && texts[behind][depth] == c) ++behind;
    others = others.without({{c, c}});
    if (plain_characters().contains(c))
      ways.push_back(builder_.sequence({builder_.one_of({{c, c}}), none_of(texts, at, behind, depth + 1)}));
    at = behind;
  }
  ways.push_back(builder_.sequence({builder_.one_of(others), any, builder_.literal("\"")}));
  return builder_.choice(std::move(ways));
}

}  // namespace fabula::grammar
