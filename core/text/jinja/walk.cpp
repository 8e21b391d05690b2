#include "core/text/jinja/walk.h"

namespace fabula::text::jinja {

namespace {

// Walks names in source order; f(name, is_store) returns true to stop.
template <class F>
class NameWalk {
 public:
  explicit NameWalk(F& f) : f_(f) {}

  bool body(Body& statements) {
    for (auto& s : statements)
      if (statement(*s)) return true;
    return false;
  }

  bool statement(Statement& s) {
    switch (s.kind) {
      case StatementKind::output:
        for (auto& piece : static_cast<Output&>(s).pieces)
          if (read(piece.expression)) return true;
        return false;
      case StatementKind::assign:
        return store(static_cast<Assign&>(s).target) || read(static_cast<Assign&>(s).value);
      case StatementKind::assign_block: {
        auto& node = static_cast<AssignBlock&>(s);
        return store(node.target) || read(node.filter) || body(node.body);
      }
      case StatementKind::if_: {
        for (auto& [condition, then] : static_cast<If&>(s).branches)
          if (read(condition) || body(then)) return true;
        return body(static_cast<If&>(s).otherwise);
      }
      case StatementKind::for_: {
        auto& node = static_cast<For&>(s);
        return store(node.target) || read(node.iterable) || body(node.body) || body(node.otherwise) ||
               read(node.test);
      }
      case StatementKind::macro: {
        auto& node = static_cast<MacroStatement&>(s);
        return signature(node.signature) || body(node.body);
      }
      case StatementKind::call_block: {
        auto& node = static_cast<CallBlock&>(s);
        return (node.call && expr(*node.call)) || signature(node.signature) || body(node.body);
      }
      case StatementKind::filter_block:
        return body(static_cast<FilterBlock&>(s).body) || read(static_cast<FilterBlock&>(s).filter);
      case StatementKind::with: {
        auto& node = static_cast<With&>(s);
        for (auto& target : node.targets)
          if (store(target)) return true;
        for (auto& value : node.values)
          if (read(value)) return true;
        return body(node.body);
      }
      case StatementKind::autoescape:
        return read(static_cast<Autoescape&>(s).enabled) || body(static_cast<Autoescape&>(s).body);
      case StatementKind::block:
      case StatementKind::unavailable:
      case StatementKind::break_:
      case StatementKind::continue_: return false;
    }
    return false;
  }

 private:
  bool signature(Signature& signature) {
    for (auto& parameter : signature.parameters)
      if (f_(parameter->name, true)) return true;
    for (auto& value : signature.defaults)
      if (read(value)) return true;
    return false;
  }
  bool read(ExprPtr& e) { return e && expr(*e); }
  bool expr(Expr& e) {
    if (e.kind == ExprKind::name) return f_(static_cast<Name&>(e).name, false);
    bool stop = false;
    for_each_child(e, [&](Expr& child) { stop = stop || expr(child); });
    return stop;
  }
  bool store(ExprPtr& target) { return store_expr(*target); }
  bool store_expr(Expr& target) {
    if (target.kind == ExprKind::name) return f_(static_cast<Name&>(target).name, true);
    bool stop = false;
    for_each_child(target, [&](Expr& child) { stop = stop || store_expr(child); });
    return stop;
  }
  F& f_;
};

}  // namespace

bool reads_special_name(Body& body, std::string_view name) {
  bool found = false;
  auto look = [&](const std::string& other, bool is_store) {
    if (other != name) return false;
    found = !is_store;
    return true;  // a store before any read makes it an ordinary variable
  };
  NameWalk walk(look);
  walk.body(body);
  return found;
}

bool stores_name(Statement& statement, std::string_view name) {
  auto look = [&](const std::string& other, bool is_store) { return is_store && other == name; };
  NameWalk walk(look);
  return walk.statement(statement);
}

}  // namespace fabula::text::jinja
