#include "core/text/jinja/failure.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/parser.h"

namespace fabula::text::jinja {

void syntax_error(std::string message, int line) {
  fail("TemplateSyntaxError", std::move(message), line);
}

void TokenStream::check(size_t at) const {
  if (tokens_[at].kind == TokenKind::error) syntax_error(tokens_[at].text, tokens_[at].line);
}

Token TokenStream::next() {
  Token token = tokens_[at_];
  if (token.kind != TokenKind::end) check(++at_);
  return token;
}

bool TokenStream::skip_if(std::string_view symbol) {
  if (!current().is(symbol)) return false;
  next();
  return true;
}

bool TokenStream::skip_if_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

void TokenStream::unexpected(std::string_view wanted) const {
  const std::string quoted = "'" + std::string(wanted) + "'";
  if (current().kind == TokenKind::end)
    syntax_error("unexpected end of template, expected " + quoted + ".", current().line);
  syntax_error("expected token " + quoted + ", got " + repr_of_name(describe(current())), current().line);
}

Token TokenStream::expect(std::string_view symbol) {
  if (!current().is(symbol)) unexpected(symbol);
  return next();
}

Token TokenStream::expect_name(std::string_view name) {
  if (!current().is_name(name)) unexpected(name);
  return next();
}

Token TokenStream::expect(TokenKind kind) {
  if (current().kind != kind) unexpected(describe(kind));
  return next();
}

}  // namespace fabula::text::jinja
