// Operators, from the weakest to the strongest.
#include <algorithm>
#include <array>

#include "core/text/jinja/parser.h"
#include "core/text/jinja/tree_height.h"

namespace fabula::text::jinja {

ExprPtr ExpressionParser::constant(Constant::Type type, std::string text, int line) {
  auto node = std::make_unique<Constant>();
  node->type = type;
  node->text = std::move(text);
  node->line = line;
  node->index = n_constants_++;
  return node;
}

ExprPtr ExpressionParser::expression(bool with_conditional) {
  const Nesting nesting(depth_, stream_.current().line);
  return with_conditional ? conditional() : either();
}

ExprPtr ExpressionParser::conditional() {
  int line = stream_.current().line;
  ExprPtr left = either();
  while (stream_.skip_if_name("if")) {
    auto node = std::make_unique<Conditional>();
    node->yes = std::move(left);
    node->condition = either();
    if (stream_.skip_if_name("else")) {
      const Nesting nesting(depth_, line);
      node->no = conditional();
    }
    Conditional& made = *node;
    left = finish(std::move(node), line, made.condition, made.yes, made.no);
    line = stream_.current().line;
  }
  return left;
}

ExprPtr ExpressionParser::either() {
  int line = stream_.current().line;
  ExprPtr left = both();
  while (stream_.skip_if_name("or")) {
    auto node = std::make_unique<ListExpr>(ExprKind::either);
    node->items.push_back(std::move(left));
    node->items.push_back(both());
    ListExpr& made = *node;
    left = finish(std::move(node), line, made.items[0], made.items[1]);
    line = stream_.current().line;
  }
  return left;
}

ExprPtr ExpressionParser::both() {
  int line = stream_.current().line;
  ExprPtr left = negation();
  while (stream_.skip_if_name("and")) {
    auto node = std::make_unique<ListExpr>(ExprKind::both);
    node->items.push_back(std::move(left));
    node->items.push_back(negation());
    ListExpr& made = *node;
    left = finish(std::move(node), line, made.items[0], made.items[1]);
    line = stream_.current().line;
  }
  return left;
}

ExprPtr ExpressionParser::negation() {
  if (!stream_.current().is_name("not")) return compare();
  const int line = stream_.next().line;
  const Nesting nesting(depth_, line);
  auto node = std::make_unique<UnaryExpr>(ExprKind::negation);
  node->operand = negation();
  UnaryExpr& made = *node;
  return finish(std::move(node), line, made.operand);
}

ExprPtr ExpressionParser::compare() {
  constexpr std::array<std::pair<std::string_view, Comparison>, 6> signs = {
      {{"==", Comparison::equal},
       {"!=", Comparison::not_equal},
       {"<", Comparison::less},
       {"<=", Comparison::less_equal},
       {">", Comparison::greater},
       {">=", Comparison::greater_equal}}};
  const int line = stream_.current().line;
  ExprPtr first = sum();
  std::vector<std::pair<Comparison, ExprPtr>> rest;
  for (;;) {
    const auto* sign = std::find_if(signs.begin(), signs.end(),
                                    [&](const auto& s) { return stream_.current().is(s.first); });
    if (sign != signs.end()) {
      stream_.next();
      rest.emplace_back(sign->second, sum());
    } else if (stream_.skip_if_name("in")) {
      rest.emplace_back(Comparison::in, sum());
    } else if (stream_.current().is_name("not") && stream_.look().is_name("in")) {
      stream_.next();
      stream_.next();
      rest.emplace_back(Comparison::not_in, sum());
    } else {
      break;
    }
  }
  if (rest.empty()) return first;
  auto node = std::make_unique<Compare>();
  node->first = std::move(first);
  node->rest = std::move(rest);
  for (const auto& [how, operand] : node->rest) raise_height(*node, operand);
  Compare& made = *node;
  return finish(std::move(node), line, made.first);
}

ExprPtr ExpressionParser::binary_expr(Binary operation, ExprPtr left, ExprPtr right, int line) {
  auto node = std::make_unique<BinaryExpr>();
  node->operation = operation;
  node->left = std::move(left);
  node->right = std::move(right);
  BinaryExpr& made = *node;
  return finish(std::move(node), line, made.left, made.right);
}

ExprPtr ExpressionParser::sum() {
  int line = stream_.current().line;
  ExprPtr left = concat();
  while (stream_.current().is("+") || stream_.current().is("-")) {
    const Binary operation = stream_.next().text == "+" ? Binary::add : Binary::subtract;
    ExprPtr right = concat();
    left = binary_expr(operation, std::move(left), std::move(right), line);
    line = stream_.current().line;
  }
  return left;
}

ExprPtr ExpressionParser::concat() {
  const int line = stream_.current().line;
  ExprPtr first = product();
  if (!stream_.current().is("~")) return first;
  auto node = std::make_unique<ListExpr>(ExprKind::concat);
  node->items.push_back(std::move(first));
  while (stream_.skip_if("~")) node->items.push_back(product());
  for (const ExprPtr& item : node->items) raise_height(*node, item);
  return finish(std::move(node), line);
}

ExprPtr ExpressionParser::product() {
  int line = stream_.current().line;
  ExprPtr left = power();
  for (;;) {
    const Token& sign = stream_.current();
    Binary operation = Binary::multiply;
    if (sign.is("/"))
      operation = Binary::divide;
    else if (sign.is("//"))
      operation = Binary::floor_divide;
    else if (sign.is("%"))
      operation = Binary::modulo;
    else if (!sign.is("*"))
      return left;
    stream_.next();
    ExprPtr right = power();
    left = binary_expr(operation, std::move(left), std::move(right), line);
    line = stream_.current().line;
  }
}

ExprPtr ExpressionParser::power() {
  int line = stream_.current().line;
  ExprPtr left = unary(true);
  while (stream_.skip_if("**")) {
    ExprPtr right = unary(true);
    left = binary_expr(Binary::power, std::move(left), std::move(right), line);
    line = stream_.current().line;
  }
  return left;
}

ExprPtr ExpressionParser::unary(bool with_filter) {
  const int line = stream_.current().line;
  ExprPtr node;
  if (stream_.current().is("-") || stream_.current().is("+")) {
    const Nesting nesting(depth_, line);
    auto made =
        std::make_unique<UnaryExpr>(stream_.next().text == "-" ? ExprKind::negative : ExprKind::positive);
    made->operand = unary(false);
    UnaryExpr& sign = *made;
    node = finish(std::move(made), line, sign.operand);
  } else {
    node = primary(false);
  }
  node = postfix(std::move(node));
  return with_filter ? filters_and_tests(std::move(node)) : std::move(node);
}

}  // namespace fabula::text::jinja
