#include "core/grammar/builder.h"

#include <algorithm>

namespace fabula::grammar {

std::string token_bytes_of(int32_t token) {
  std::string bytes(1, static_cast<char>(token_mark));
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<uint8_t>(static_cast<uint32_t>(token) >> shift));
  return bytes;
}

Expr Builder::add(Expression expression) {
  if (!too_large()) expressions_.push_back(std::move(expression));
  return static_cast<Expr>(expressions_.size() - 1);
}

Expr Builder::nothing() {
  return literal("");
}

Expr Builder::never() {
  return add({.kind = Kind::choice});
}

Expr Builder::literal(std::string_view bytes) {
  return add({.kind = Kind::literal, .bytes = std::string(bytes)});
}

Expr Builder::one_of(CodePoints set) {
  if (set.empty()) return never();
  return add({.kind = Kind::chars, .set = std::move(set)});
}

Expr Builder::sequence(std::vector<Expr> parts) {
  if (parts.size() == 1) return parts[0];
  return add({.kind = Kind::sequence, .parts = std::move(parts)});
}

Expr Builder::choice(std::vector<Expr> alternatives) {
  if (alternatives.size() == 1) return alternatives[0];
  return add({.kind = Kind::choice, .parts = std::move(alternatives)});
}

Expr Builder::repeat(Expr e, int64_t least, int64_t most) {
  if (least == 1 && most == 1) return e;
  if (most == 0) return nothing();
  return add({.kind = Kind::repeat, .parts = {e}, .least = least, .most = most});
}

RuleId Builder::declare(std::string name) {
  rules_.push_back({std::move(name), -1});
  return static_cast<RuleId>(rules_.size() - 1);
}

void Builder::define(RuleId rule, Expr body) {
  rules_[static_cast<size_t>(rule)].body = body;
}

Expr Builder::call(RuleId rule) {
  return add({.kind = Kind::call, .rule = rule});
}

Expr Builder::as_call(std::string name, Expr body) {
  const RuleId rule = declare(std::move(name));
  define(rule, body);
  return call(rule);
}

Expr Builder::any_literal(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return sorted_literals(texts, 0, texts.size(), 0);
}

// texts[begin, end) share their first `depth` bytes, which are already written.
Expr Builder::sorted_literals(const std::vector<std::string>& texts, size_t begin, size_t end, size_t depth) {
  if (begin == end) return never();
  const std::string &first = texts[begin], &last = texts[end - 1];
  size_t shared = depth;
  while (shared < first.size() && shared < last.size() && first[shared] == last[shared]) ++shared;
  const Expr head = literal(std::string_view(first).substr(depth, shared - depth));
  if (begin + 1 == end) return head;
  std::vector<Expr> tails;
  size_t at = begin;
  if (first.size() == shared) {
    tails.push_back(nothing());
    ++at;
  }
  while (at < end) {
    size_t behind = at + 1;
    while (behind < end && texts[behind][shared] == texts[at][shared]) ++behind;
    tails.push_back(sorted_literals(texts, at, behind, shared));
    at = behind;
  }
  return sequence({head, choice(std::move(tails))});
}

Expr Builder::until(std::string_view end) {
  return scan(end, true);
}

Expr Builder::text_without(std::string_view mark) {
  return scan(mark, false);
}

// One rule for each number of characters of `end` that were just read (Knuth, Morris and Pratt 1977). Either the
// text goes `through` its end and is over, or it never gets there and may be over anywhere.
Expr Builder::scan(std::string_view end, bool through) {
  std::vector<RuleId> matched;
  for (size_t i = 0; i < end.size(); ++i) matched.push_back(declare("until " + std::string(end)));
  const auto step = [&](size_t state, char c) {
    std::string read(end.substr(0, state));
    read += c;
    size_t keep = std::min(read.size(), end.size());
    while (!read.ends_with(end.substr(0, keep))) --keep;
    return keep;
  };
  for (size_t state = 0; state < end.size(); ++state) {
    std::vector<CodePoints> to(end.size() + 1);
    to[0] = CodePoints::all();
    for (const char c : end) {
      const size_t target = step(state, c);
      const auto code = static_cast<char32_t>(static_cast<unsigned char>(c));
      if (target == 0 || to[target].contains(code)) continue;
      to[target].add(code, code);
      to[0] = to[0].without({{code, code}});
    }
    std::vector<Expr> ways;
    if (!through) ways.push_back(nothing());
    for (size_t target = 0; target <= end.size(); ++target) {
      if (to[target].empty() || (!through && target == end.size())) continue;
      const Expr read = one_of(to[target]);
      ways.push_back(target == end.size() ? read : sequence({read, call(matched[target])}));
    }
    define(matched[state], choice(std::move(ways)));
  }
  return call(matched[0]);
}

}  // namespace fabula::grammar
