// Grammars put together from expressions; compiled when whole.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/grammar/grammar.h"

namespace fabula::grammar {

using Expr = int32_t;  // of one builder

struct BuilderLimits {
  size_t max_expressions = 200'000;
  size_t max_nodes = 400'000;
};

class Builder {
 public:
  static constexpr int64_t unbounded = -1;

  explicit Builder(BuilderLimits limits = {}) : limits_(limits) {}

  Expr nothing();  // the empty text
  Expr never();    // no text at all
  Expr literal(std::string_view bytes);
  Expr one_of(CodePoints set);  // one character
  Expr sequence(std::vector<Expr> parts);
  Expr choice(std::vector<Expr> alternatives);
  Expr optional(Expr e) { return choice({nothing(), e}); }
  Expr repeat(Expr e, int64_t least, int64_t most);  // most: `unbounded`, or >= least
  Expr token(int32_t id) { return literal(token_bytes_of(id)); }

  // One of these texts; what they begin with alike is shared.
  Expr any_literal(std::vector<std::string> texts);
  // Text up to and including the first `end` (ASCII, not empty).
  Expr until(std::string_view end);
  // Text in which `mark` (ASCII, not empty) does not stand; may be empty.
  Expr text_without(std::string_view mark);

  RuleId declare(std::string name);  // names appear in messages only
  void define(RuleId rule, Expr body);
  Expr call(RuleId rule);
  Expr as_call(std::string name, Expr body);  // a rule of its own, called

  bool too_large() const { return expressions_.size() > limits_.max_expressions; }

  // Errors: invalid_argument (too large; left recursion, named; no finite text).
  Result<GrammarPtr> build(RuleId root) const;

 private:
  friend class Compiler;
  enum class Kind : uint8_t { literal, chars, sequence, choice, repeat, call };
  struct Expression {
    Kind kind = Kind::literal;
    std::string bytes;
    CodePoints set;
    std::vector<Expr> parts;
    int64_t least = 0, most = 0;
    RuleId rule = -1;
  };
  struct Rule {
    std::string name;
    Expr body = -1;
  };
  Expr add(Expression expression);
  Expr scan(std::string_view mark, bool through);
  Expr sorted_literals(const std::vector<std::string>& texts, size_t begin, size_t end, size_t depth);

  BuilderLimits limits_;
  std::vector<Expression> expressions_;
  std::vector<Rule> rules_;
};

}  // namespace fabula::grammar
