// Source text to tree, as jinja2/parser.py does it, its error messages included.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/token.h"

namespace fabula::text::jinja {

constexpr int kMaxHeight = 250;   // of an expression's tree
constexpr int kMaxNesting = 100;  // of brackets and blocks in the source

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) { check(0); }
  const Token& current() const { return tokens_[at_]; }
  const Token& look() {
    const size_t next = at_ + 1 < tokens_.size() ? at_ + 1 : at_;
    check(next);
    return tokens_[next];
  }
  Token next();
  bool skip_if(std::string_view symbol);
  bool skip_if_name(std::string_view name);
  Token expect(std::string_view symbol);
  Token expect_name(std::string_view name);
  Token expect(TokenKind kind);

 private:
  void check(size_t at) const;
  [[noreturn]] void unexpected(std::string_view wanted) const;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

[[noreturn]] void syntax_error(std::string message, int line);

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  struct TupleOptions {
    bool simplified = false;  // names and literals only
    bool with_conditional = true;
    bool explicit_parentheses = false;
    bool with_namespace = false;
    std::string_view end_name = {};  // a name that ends the tuple ("in", "recursive")
  };
  ExprPtr tuple(const TupleOptions& options);
  ExprPtr expression(bool with_conditional = true);
  ExprPtr filter(ExprPtr object, bool start_inline);
  ExprPtr assign_target(bool with_namespace, std::string_view end_name = {});
  std::unique_ptr<Name> name_target();
  int n_constants() const { return n_constants_; }

  // One level of brackets or blocks; an error beyond kMaxNesting.
  class Nesting {
   public:
    Nesting(int& depth, int line) : depth_(depth) {
      if (++depth_ > kMaxNesting) {
        --depth_;
        syntax_error("too many nested brackets or blocks", line);
      }
    }
    ~Nesting() { --depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    int& depth_;
  };
  int& depth() { return depth_; }

 private:
  ExprPtr conditional();
  ExprPtr either();
  ExprPtr both();
  ExprPtr negation();
  ExprPtr compare();
  ExprPtr sum();
  ExprPtr concat();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filter);
  ExprPtr primary(bool with_namespace);
  ExprPtr literal_name(bool with_namespace);
  ExprPtr literal_string();
  ExprPtr list();
  ExprPtr dict();
  ExprPtr postfix(ExprPtr node);
  ExprPtr filters_and_tests(ExprPtr node);
  ExprPtr subscript(ExprPtr node);
  ExprPtr subscribed();
  ExprPtr call(ExprPtr node);
  ExprPtr test(ExprPtr node);
  CallArguments call_arguments();
  ExprPtr binary_expr(Binary operation, ExprPtr left, ExprPtr right, int line);
  ExprPtr constant(Constant::Type type, std::string text, int line);

  TokenStream& stream_;
  int n_constants_ = 0;
  int depth_ = 0;
};

Template parse_template(std::string_view source);  // resolved and checked; throws Failure

}  // namespace fabula::text::jinja
