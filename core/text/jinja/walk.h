// Visits the children of a tree's nodes in the order in which jinja2 lists them.
#pragma once

#include "core/text/jinja/ast.h"

namespace fabula::text::jinja {

template <class F>
void for_each_argument(CallArguments& arguments, F&& f) {
  for (ExprPtr& e : arguments.positional) f(*e);
  for (auto& [name, e] : arguments.keyword) f(*e);
  if (arguments.more_positional) f(*arguments.more_positional);
  if (arguments.more_keyword) f(*arguments.more_keyword);
}

template <class F>
void for_each_child(Expr& expr, F&& f) {
  const auto maybe = [&](ExprPtr& e) {
    if (e) f(*e);
  };
  switch (expr.kind) {
    case ExprKind::constant:
    case ExprKind::text:
    case ExprKind::name:
    case ExprKind::namespace_target: return;
    case ExprKind::list:
    case ExprKind::tuple:
    case ExprKind::both:
    case ExprKind::either:
    case ExprKind::concat:
      for (ExprPtr& e : static_cast<ListExpr&>(expr).items) f(*e);
      return;
    case ExprKind::dict:
      for (auto& [key, value] : static_cast<DictExpr&>(expr).items) f(*key), f(*value);
      return;
    case ExprKind::attribute: return f(*static_cast<Attribute&>(expr).object);
    case ExprKind::item: return f(*static_cast<Item&>(expr).object), f(*static_cast<Item&>(expr).key);
    case ExprKind::slice: {
      auto& slice = static_cast<SliceExpr&>(expr);
      return maybe(slice.start), maybe(slice.stop), maybe(slice.step);
    }
    case ExprKind::call:
      return f(*static_cast<Call&>(expr).callee), for_each_argument(static_cast<Call&>(expr).arguments, f);
    case ExprKind::filter:
    case ExprKind::test:
      return maybe(static_cast<NamedCall&>(expr).object),
             for_each_argument(static_cast<NamedCall&>(expr).arguments, f);
    case ExprKind::binary:
      return f(*static_cast<BinaryExpr&>(expr).left), f(*static_cast<BinaryExpr&>(expr).right);
    case ExprKind::negative:
    case ExprKind::positive:
    case ExprKind::negation: return f(*static_cast<UnaryExpr&>(expr).operand);
    case ExprKind::compare:
      f(*static_cast<Compare&>(expr).first);
      for (auto& [how, e] : static_cast<Compare&>(expr).rest) f(*e);
      return;
    case ExprKind::conditional: {
      auto& conditional = static_cast<Conditional&>(expr);
      return f(*conditional.condition), f(*conditional.yes), maybe(conditional.no);
    }
  }
}

// Whether `body` reads the special name (`loop`, `caller`, ...) before it stores it; jinja2's
// find_undeclared.
bool reads_special_name(Body& body, std::string_view name);

// Whether anything below stores to `name`.
bool stores_name(Statement& statement, std::string_view name);

}  // namespace fabula::text::jinja
