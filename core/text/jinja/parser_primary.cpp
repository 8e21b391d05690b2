// Literals, names, brackets, and what follows them: subscripts, calls, filters, tests. Targets of
// assignments.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/text/jinja/failure.h"
#include "core/text/jinja/parser.h"
#include "core/text/jinja/tree_height.h"

namespace fabula::text::jinja {

ExprPtr ExpressionParser::literal_name(bool with_namespace) {
  const Token token = stream_.next();
  const std::string& word = token.text;
  if (word == "true" || word == "True" || word == "false" || word == "False") {
    ExprPtr node = constant(Constant::Type::boolean, {}, token.line);
    static_cast<Constant&>(*node).boolean = word == "true" || word == "True";
    return node;
  }
  if (word == "none" || word == "None") return constant(Constant::Type::none, {}, token.line);
  if (with_namespace && stream_.skip_if(".")) {
    auto node = std::make_unique<NamespaceTarget>();
    node->line = token.line;
    node->name = word;
    node->attribute = stream_.expect(TokenKind::name).text;
    return node;
  }
  auto node = std::make_unique<Name>();
  node->line = token.line;
  node->name = word;
  return node;
}

ExprPtr ExpressionParser::literal_string() {
  const Token token = stream_.next();
  std::string text = token.text;
  while (stream_.current().kind == TokenKind::string) text += stream_.next().text;
  return constant(Constant::Type::string, std::move(text), token.line);
}

ExprPtr ExpressionParser::primary(bool with_namespace) {
  const Token& token = stream_.current();
  switch (token.kind) {
    case TokenKind::name: return literal_name(with_namespace);
    case TokenKind::string: return literal_string();
    case TokenKind::integer: {
      const Token number = stream_.next();
      return constant(Constant::Type::integer, number.text, number.line);
    }
    case TokenKind::real: {
      const Token number = stream_.next();
      ExprPtr node = constant(Constant::Type::real, {}, number.line);
      double& value = static_cast<Constant&>(*node).real;
      const auto read = std::from_chars(number.text.data(), number.text.data() + number.text.size(), value);
      if (read.ec == std::errc::result_out_of_range)
        value = number.text.find('-') == std::string::npos ? HUGE_VAL : 0.0;
      return node;
    }
    default: break;
  }
  if (token.is("(")) {
    stream_.next();
    ExprPtr node = tuple({.explicit_parentheses = true});
    stream_.expect(")");
    return node;
  }
  if (token.is("[")) return list();
  if (token.is("{")) return dict();
  syntax_error("unexpected " + repr_of_name(describe(token)), token.line);
}

ExprPtr ExpressionParser::tuple(const TupleOptions& options) {
  int line = stream_.current().line;
  auto node = std::make_unique<ListExpr>(ExprKind::tuple);
  bool is_tuple = false;
  const auto at_end = [&] {
    const Token& token = stream_.current();
    return token.kind == TokenKind::variable_end || token.kind == TokenKind::block_end || token.is(")") ||
           (!options.end_name.empty() && token.is_name(options.end_name));
  };
  for (;;) {
    if (!node->items.empty()) stream_.expect(",");
    if (at_end()) break;
    node->items.push_back(options.simplified ? primary(options.with_namespace)
                                             : expression(options.with_conditional));
    if (!stream_.current().is(",")) break;
    is_tuple = true;
    line = stream_.current().line;
  }
  if (!is_tuple) {
    if (!node->items.empty()) return std::move(node->items[0]);
    if (!options.explicit_parentheses)
      syntax_error("Expected an expression, got " + repr_of_name(describe(stream_.current())),
                   stream_.current().line);
  }
  for (const ExprPtr& item : node->items) raise_height(*node, item);
  return finish(std::move(node), line);
}

ExprPtr ExpressionParser::list() {
  const int line = stream_.expect("[").line;
  auto node = std::make_unique<ListExpr>(ExprKind::list);
  while (!stream_.current().is("]")) {
    if (!node->items.empty()) stream_.expect(",");
    if (stream_.current().is("]")) break;
    node->items.push_back(expression());
    raise_height(*node, node->items.back());
  }
  stream_.expect("]");
  return finish(std::move(node), line);
}

ExprPtr ExpressionParser::dict() {
  const int line = stream_.expect("{").line;
  auto node = std::make_unique<DictExpr>();
  while (!stream_.current().is("}")) {
    if (!node->items.empty()) stream_.expect(",");
    if (stream_.current().is("}")) break;
    ExprPtr key = expression();
    stream_.expect(":");
    ExprPtr value = expression();
    raise_height(*node, key);
    raise_height(*node, value);
    node->items.emplace_back(std::move(key), std::move(value));
  }
  stream_.expect("}");
  return finish(std::move(node), line);
}

ExprPtr ExpressionParser::postfix(ExprPtr node) {
  for (;;) {
    const Token& token = stream_.current();
    if (token.is(".") || token.is("["))
      node = subscript(std::move(node));
    else if (token.is("("))
      node = call(std::move(node));
    else
      return node;
  }
}

ExprPtr ExpressionParser::filters_and_tests(ExprPtr node) {
  for (;;) {
    const Token& token = stream_.current();
    if (token.is("|"))
      node = filter(std::move(node), false);
    else if (token.is_name("is"))
      node = test(std::move(node));
    else if (token.is("("))
      node = call(std::move(node));
    else
      return node;
  }
}

ExprPtr ExpressionParser::subscript(ExprPtr object) {
  const Token token = stream_.next();
  if (token.text == ".") {
    const Token name = stream_.next();
    if (name.kind == TokenKind::name) {
      auto node = std::make_unique<Attribute>();
      node->object = std::move(object);
      node->name = name.text;
      Attribute& made = *node;
      return finish(std::move(node), token.line, made.object);
    }
    if (name.kind != TokenKind::integer) syntax_error("expected name or number", name.line);
    auto node = std::make_unique<Item>();
    node->object = std::move(object);
    node->key = constant(Constant::Type::integer, name.text, name.line);
    Item& made = *node;
    return finish(std::move(node), token.line, made.object);
  }
  std::vector<ExprPtr> keys;
  while (!stream_.current().is("]")) {
    if (!keys.empty()) stream_.expect(",");
    keys.push_back(subscribed());
  }
  stream_.expect("]");
  auto node = std::make_unique<Item>();
  node->object = std::move(object);
  if (keys.size() == 1) {
    node->key = std::move(keys[0]);
  } else {
    auto several = std::make_unique<ListExpr>(ExprKind::tuple);
    several->items = std::move(keys);
    for (const ExprPtr& key : several->items) {
      if (key->kind == ExprKind::slice) syntax_error("a slice stands alone in its brackets", token.line);
      raise_height(*several, key);
    }
    node->key = finish(std::move(several), token.line);
  }
  Item& made = *node;
  return finish(std::move(node), token.line, made.object, made.key);
}

ExprPtr ExpressionParser::subscribed() {
  const int line = stream_.current().line;
  auto node = std::make_unique<SliceExpr>();
  if (!stream_.skip_if(":")) {
    ExprPtr first = expression();
    if (!stream_.skip_if(":")) return first;
    node->start = std::move(first);
  }
  const auto ends = [&] { return stream_.current().is("]") || stream_.current().is(","); };
  if (!stream_.current().is(":") && !ends()) node->stop = expression();
  if (stream_.skip_if(":") && !ends()) node->step = expression();
  SliceExpr& made = *node;
  return finish(std::move(node), line, made.start, made.stop, made.step);
}

CallArguments ExpressionParser::call_arguments() {
  const int line = stream_.expect("(").line;
  CallArguments arguments;
  const auto ensure = [&](bool fine) {
    if (!fine) syntax_error("invalid syntax for function call expression", line);
  };
  bool need_comma = false;
  while (!stream_.current().is(")")) {
    if (need_comma) {
      stream_.expect(",");
      if (stream_.current().is(")")) break;
    }
    if (stream_.current().is("*")) {
      ensure(!arguments.more_positional && !arguments.more_keyword);
      stream_.next();
      arguments.more_positional = expression();
    } else if (stream_.current().is("**")) {
      ensure(!arguments.more_keyword);
      stream_.next();
      arguments.more_keyword = expression();
    } else if (stream_.current().kind == TokenKind::name && stream_.look().is("=")) {
      ensure(!arguments.more_keyword);
      std::string key = stream_.next().text;
      stream_.next();
      for (const auto& [other, value] : arguments.keyword)
        if (other == key) syntax_error("keyword argument repeated: " + key, line);
      arguments.keyword.emplace_back(std::move(key), expression());
    } else {
      ensure(!arguments.more_positional && !arguments.more_keyword && arguments.keyword.empty());
      arguments.positional.push_back(expression());
    }
    need_comma = true;
  }
  stream_.expect(")");
  return arguments;
}

ExprPtr ExpressionParser::call(ExprPtr callee) {
  const int line = stream_.current().line;
  auto node = std::make_unique<Call>();
  node->callee = std::move(callee);
  node->arguments = call_arguments();
  node->height = height_of(node->arguments) + 1;
  Call& made = *node;
  return finish(std::move(node), line, made.callee);
}

ExprPtr ExpressionParser::filter(ExprPtr object, bool start_inline) {
  while (stream_.current().is("|") || start_inline) {
    if (!start_inline) stream_.next();
    start_inline = false;
    const Token token = stream_.expect(TokenKind::name);
    auto node = std::make_unique<NamedCall>(ExprKind::filter);
    node->name = token.text;
    while (stream_.skip_if(".")) node->name += "." + stream_.expect(TokenKind::name).text;
    if (stream_.current().is("(")) node->arguments = call_arguments();
    node->height = height_of(node->arguments) + 1;
    node->object = std::move(object);
    NamedCall& made = *node;
    object = finish(std::move(node), token.line, made.object);
  }
  return object;
}

ExprPtr ExpressionParser::test(ExprPtr object) {
  const int line = stream_.next().line;
  const bool negated = stream_.skip_if_name("not");
  auto node = std::make_unique<NamedCall>(ExprKind::test);
  node->name = stream_.expect(TokenKind::name).text;
  while (stream_.skip_if(".")) node->name += "." + stream_.expect(TokenKind::name).text;
  const Token& token = stream_.current();
  const bool operand = token.kind == TokenKind::name || token.kind == TokenKind::string ||
                       token.kind == TokenKind::integer || token.kind == TokenKind::real || token.is("[") ||
                       token.is("{");
  if (token.is("(")) {
    node->arguments = call_arguments();
  } else if (operand && !token.is_name("else") && !token.is_name("or") && !token.is_name("and")) {
    if (token.is_name("is")) syntax_error("You cannot chain multiple tests with is", token.line);
    node->arguments.positional.push_back(postfix(primary(false)));
  }
  node->height = height_of(node->arguments) + 1;
  node->object = std::move(object);
  NamedCall& made = *node;
  ExprPtr result = finish(std::move(node), line, made.object);
  if (!negated) return result;
  auto negation = std::make_unique<UnaryExpr>(ExprKind::negation);
  negation->operand = std::move(result);
  UnaryExpr& outer = *negation;
  return finish(std::move(negation), line, outer.operand);
}

std::unique_ptr<Name> ExpressionParser::name_target() {
  const Token token = stream_.expect(TokenKind::name);
  for (const std::string_view reserved : {"true", "false", "none", "True", "False", "None"})
    if (token.text == reserved) syntax_error("can't assign to 'name'", token.line);
  auto node = std::make_unique<Name>();
  node->name = token.text;
  node->line = token.line;
  return node;
}

namespace {

std::string_view class_name(ExprKind kind) {
  switch (kind) {
    case ExprKind::constant: return "const";
    case ExprKind::list: return "list";
    case ExprKind::dict: return "dict";
    case ExprKind::tuple: return "tuple";
    case ExprKind::call: return "call";
    case ExprKind::attribute: return "getattr";
    case ExprKind::item: return "getitem";
    case ExprKind::filter: return "filter";
    case ExprKind::test: return "test";
    case ExprKind::compare: return "compare";
    case ExprKind::conditional: return "condexpr";
    default: return "expr";
  }
}

bool can_assign(const Expr& target) {
  if (target.kind == ExprKind::name || target.kind == ExprKind::namespace_target) return true;
  if (target.kind != ExprKind::tuple) return false;
  const auto& items = static_cast<const ListExpr&>(target).items;
  return std::all_of(items.begin(), items.end(), [](const ExprPtr& item) { return can_assign(*item); });
}

}  // namespace

ExprPtr ExpressionParser::assign_target(bool with_namespace, std::string_view end_name) {
  const Nesting nesting(depth_, stream_.current().line);
  ExprPtr target = tuple({.simplified = true, .with_namespace = with_namespace, .end_name = end_name});
  if (!can_assign(*target))
    syntax_error("can't assign to '" + std::string(class_name(target->kind)) + "'", target->line);
  return target;
}

}  // namespace fabula::text::jinja
