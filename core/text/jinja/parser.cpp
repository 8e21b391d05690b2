#include "core/text/jinja/parser.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/text/jinja/failure.h"
#include "core/text/jinja/symbols.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

using EndNames = std::vector<std::string>;

class StatementParser {
 public:
  explicit StatementParser(std::string_view source) : stream_(tokenize(source)), expressions_(stream_) {}

  Template run() {
    Template result;
    result.body = body(nullptr);
    result.n_constants = expressions_.n_constants();
    return result;
  }

 private:
  using Parse = std::unique_ptr<Statement> (StatementParser::*)();

  // Statements until one of the end names (left as the current token) or the end of the template.
  Body body(const EndNames* ends) {
    if (ends) end_stack_.push_back(ends);
    Body statements;
    auto output = std::make_unique<Output>();
    const auto flush = [&] {
      if (output->pieces.empty()) return;
      statements.push_back(std::exchange(output, std::make_unique<Output>()));
    };
    while (stream_.current().kind != TokenKind::end) {
      const Token& token = stream_.current();
      if (output->pieces.empty()) output->line = token.line;
      if (token.kind == TokenKind::data) {
        output->pieces.push_back({stream_.next().text, nullptr});
      } else if (token.kind == TokenKind::variable_begin) {
        stream_.next();
        output->pieces.push_back({{}, expressions_.tuple({})});
        stream_.expect(TokenKind::variable_end);
      } else {
        flush();
        stream_.next();
        if (ends && stream_.current().kind == TokenKind::name &&
            std::count(ends->begin(), ends->end(), stream_.current().text))
          break;
        if (auto made = statement()) statements.push_back(std::move(made));
        stream_.expect(TokenKind::block_end);
      }
    }
    flush();
    if (ends) end_stack_.pop_back();
    return statements;
  }

  // The body of a statement: behind the end of its tag up to one of `ends`; the end's name is the current
  // token.
  Body statements(const EndNames& ends) {
    const ExpressionParser::Nesting nesting(expressions_.depth(), stream_.current().line);
    stream_.skip_if(":");
    stream_.expect(TokenKind::block_end);
    Body result = body(&ends);
    if (stream_.current().kind == TokenKind::end) {
      end_stack_.push_back(&ends);
      lost(nullptr, stream_.current().line);
    }
    return result;
  }

  Body statements_to(const std::string& end) {
    Body result = statements({end});
    stream_.next();
    return result;
  }

  std::unique_ptr<Statement> statement() {
    static constexpr std::array<std::pair<std::string_view, Parse>, 17> kinds = {{
        {"for", &StatementParser::for_},
        {"if", &StatementParser::if_},
        {"set", &StatementParser::set},
        {"macro", &StatementParser::macro},
        {"call", &StatementParser::call},
        {"filter", &StatementParser::filter},
        {"with", &StatementParser::with},
        {"block", &StatementParser::block},
        {"print", &StatementParser::print},
        {"generation", &StatementParser::generation},
        {"autoescape", &StatementParser::autoescape},
        {"include", &StatementParser::include},
        {"extends", &StatementParser::extends},
        {"import", &StatementParser::import},
        {"from", &StatementParser::from},
        {"break", &StatementParser::break_},
        {"continue", &StatementParser::continue_},
    }};
    const Token token = stream_.current();
    if (token.kind != TokenKind::name) syntax_error("tag name expected", token.line);
    const auto* kind =
        std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == token.text; });
    if (kind == kinds.end()) lost(&token.text, token.line);
    tags_.push_back(token.text);
    auto made = (this->*kind->second)();
    tags_.pop_back();
    if (made) made->line = token.line;
    return made;
  }

  // An unknown tag (`name`) or the end of the template where something else was awaited.
  [[noreturn]] void lost(const std::string* name, int line) {
    std::string message =
        name ? "Encountered unknown tag " + repr_of_name(*name) + "." : "Unexpected end of template.";
    if (!end_stack_.empty()) {
      std::string looking;
      for (const std::string& end : *end_stack_.back())
        looking += (looking.empty() ? "'" : " or '") + end + "'";
      bool nested_wrong = false;
      for (const EndNames* ends : end_stack_)
        nested_wrong |= name && std::count(ends->begin(), ends->end(), *name) != 0;
      message += nested_wrong ? " You probably made a nesting mistake. Jinja is expecting this tag, but "
                                "currently looking for " +
                                    looking + "."
                              : " Jinja was looking for the following tags: " + looking + ".";
    }
    if (!tags_.empty())
      message += " The innermost block that needs to be closed is " + repr_of_name(tags_.back()) + ".";
    syntax_error(message, line);
  }

  std::unique_ptr<Statement> set() {
    stream_.next();
    ExprPtr target = expressions_.assign_target(true);
    if (stream_.skip_if("=")) {
      auto node = std::make_unique<Assign>();
      node->target = std::move(target);
      node->value = expressions_.tuple({});
      return node;
    }
    auto node = std::make_unique<AssignBlock>();
    node->target = std::move(target);
    node->filter = expressions_.filter(nullptr, false);
    node->body = statements_to("endset");
    return node;
  }

  std::unique_ptr<Statement> for_() {
    stream_.next();
    auto node = std::make_unique<For>();
    node->target = expressions_.assign_target(false, "in");
    stream_.expect_name("in");
    node->iterable = expressions_.tuple({.with_conditional = false, .end_name = "recursive"});
    if (stream_.skip_if_name("if")) {
      node->test = expressions_.expression();
      node->test_target = copy_target(*node->target);
    }
    node->recursive = stream_.skip_if_name("recursive");
    node->body = statements({"endfor", "else"});
    if (stream_.next().text != "endfor") {
      node->otherwise = statements_to("endfor");
      node->has_else = !node->otherwise.empty();
    }
    return node;
  }

  static ExprPtr copy_target(const Expr& target) {
    if (target.kind == ExprKind::name) {
      auto copy = std::make_unique<Name>();
      copy->name = static_cast<const Name&>(target).name;
      copy->line = target.line;
      return copy;
    }
    auto copy = std::make_unique<ListExpr>(ExprKind::tuple);
    copy->line = target.line;
    for (const ExprPtr& item : static_cast<const ListExpr&>(target).items)
      copy->items.push_back(copy_target(*item));
    return copy;
  }

  std::unique_ptr<Statement> if_() {
    auto node = std::make_unique<If>();
    stream_.next();
    for (;;) {
      ExprPtr condition = expressions_.tuple({.with_conditional = false});
      Body then = statements({"elif", "else", "endif"});
      node->branches.emplace_back(std::move(condition), std::move(then));
      const Token token = stream_.next();
      if (token.is_name("elif")) continue;
      if (token.is_name("else")) node->otherwise = statements_to("endif");
      return node;
    }
  }

  void signature(Signature& signature) {
    stream_.expect("(");
    while (!stream_.current().is(")")) {
      if (!signature.parameters.empty()) stream_.expect(",");
      auto parameter = expressions_.name_target();
      for (const auto& other : signature.parameters)
        if (other->name == parameter->name)
          syntax_error("duplicate argument '" + parameter->name + "' in function definition",
                       parameter->line);
      if (stream_.skip_if("="))
        signature.defaults.push_back(expressions_.expression());
      else if (!signature.defaults.empty())
        syntax_error("non-default argument follows default argument", stream_.current().line);
      signature.parameters.push_back(std::move(parameter));
    }
    stream_.expect(")");
  }

  std::unique_ptr<Statement> macro() {
    stream_.next();
    auto node = std::make_unique<MacroStatement>();
    node->name = expressions_.name_target()->name;
    signature(node->signature);
    node->body = statements_to("endmacro");
    return node;
  }

  std::unique_ptr<Statement> call() {
    auto node = std::make_unique<CallBlock>();
    const int line = stream_.next().line;
    if (stream_.current().is("(")) signature(node->signature);
    ExprPtr callee = expressions_.expression();
    if (callee->kind != ExprKind::call) syntax_error("expected call", line);
    node->call.reset(static_cast<Call*>(callee.release()));
    node->body = statements_to("endcall");
    return node;
  }

  std::unique_ptr<Statement> generation() {
    stream_.next();
    auto node = std::make_unique<CallBlock>();
    node->body = statements_to("endgeneration");
    return node;
  }

  std::unique_ptr<Statement> filter() {
    stream_.next();
    auto node = std::make_unique<FilterBlock>();
    node->filter = expressions_.filter(nullptr, true);
    node->body = statements_to("endfilter");
    return node;
  }

  std::unique_ptr<Statement> with() {
    stream_.next();
    auto node = std::make_unique<With>();
    while (stream_.current().kind != TokenKind::block_end) {
      if (!node->targets.empty()) stream_.expect(",");
      node->targets.push_back(expressions_.assign_target(false));
      stream_.expect("=");
      node->values.push_back(expressions_.expression());
    }
    node->body = statements_to("endwith");
    return node;
  }

  std::unique_ptr<Statement> autoescape() {
    stream_.next();
    auto node = std::make_unique<Autoescape>();
    node->enabled = expressions_.expression();
    node->body = statements_to("endautoescape");
    return node;
  }

  std::unique_ptr<Statement> block() {
    stream_.next();
    auto node = std::make_unique<Block>();
    node->name = stream_.expect(TokenKind::name).text;
    node->scoped = stream_.skip_if_name("scoped");
    const bool required = stream_.skip_if_name("required");
    if (stream_.current().is("-"))
      syntax_error(
          "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an "
          "underscore instead.",
          stream_.current().line);
    if (!blocks_.insert(node->name).second)
      fail("TemplateAssertionError", "block " + repr_of_name(node->name) + " defined twice",
           stream_.current().line);
    node->body = statements_to("endblock");
    if (required) check_required(node->body);
    stream_.skip_if_name(node->name);
    return node;
  }

  void check_required(const Body& body) {
    for (const auto& statement : body) {
      bool blank = statement->kind == StatementKind::output;
      if (blank)
        for (const auto& piece : static_cast<const Output&>(*statement).pieces)
          blank &= !piece.expression && strip_spaces_right(piece.text).empty();
      if (!blank)
        syntax_error("Required blocks can only contain comments or whitespace", stream_.current().line);
    }
  }

  std::unique_ptr<Statement> print() {
    stream_.next();
    auto node = std::make_unique<Output>();
    while (stream_.current().kind != TokenKind::block_end) {
      if (!node->pieces.empty()) stream_.expect(",");
      node->pieces.push_back({{}, expressions_.expression()});
    }
    return node;
  }

  bool import_context() {
    if (!(stream_.current().is_name("with") || stream_.current().is_name("without")) ||
        !stream_.look().is_name("context"))
      return false;
    stream_.next();
    stream_.next();
    return true;
  }

  std::unique_ptr<Statement> include() {
    stream_.next();
    expressions_.expression();
    if (stream_.current().is_name("ignore") && stream_.look().is_name("missing")) {
      stream_.next();
      stream_.next();
    }
    import_context();
    return std::make_unique<Unavailable>();
  }

  std::unique_ptr<Statement> extends() {
    stream_.next();
    expressions_.expression();
    return std::make_unique<Unavailable>();
  }

  std::unique_ptr<Statement> import() {
    stream_.next();
    auto node = std::make_unique<Unavailable>();
    expressions_.expression();
    stream_.expect_name("as");
    node->names.push_back(expressions_.name_target()->name);
    import_context();
    return node;
  }

  std::unique_ptr<Statement> from() {
    stream_.next();
    auto node = std::make_unique<Unavailable>();
    expressions_.expression();
    stream_.expect_name("import");
    for (;;) {
      if (!node->names.empty()) stream_.expect(",");
      if (stream_.current().kind != TokenKind::name) stream_.expect(TokenKind::name);
      if (import_context()) break;
      auto name = expressions_.name_target();
      if (name->name.starts_with('_'))
        fail("TemplateAssertionError", "names starting with an underline can not be imported", name->line);
      if (stream_.skip_if_name("as")) name = expressions_.name_target();
      node->names.push_back(name->name);
      if (import_context() || !stream_.current().is(",")) break;
    }
    return node;
  }

  std::unique_ptr<Statement> break_() { return loop_control(StatementKind::break_); }
  std::unique_ptr<Statement> continue_() { return loop_control(StatementKind::continue_); }
  std::unique_ptr<Statement> loop_control(StatementKind kind) {
    stream_.next();
    return std::make_unique<LoopControl>(kind);
  }

  TokenStream stream_;
  ExpressionParser expressions_;
  std::vector<const EndNames*> end_stack_;
  std::vector<std::string> tags_;
  std::set<std::string, std::less<>> blocks_;
};

}  // namespace

Template parse_template(std::string_view source) {
  Template result = StatementParser(source).run();
  resolve(result);
  return result;
}

}  // namespace fabula::text::jinja
