// Tokens of a template, as jinja2/lexer.py makes them with trim_blocks and lstrip_blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fabula::text::jinja {

enum class TokenKind : uint8_t {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  symbol,  // an operator or bracket; the token's text says which
  end,
  error,  // met only when the parser gets there: an earlier mistake is reported first
};

struct Token {
  TokenKind kind = TokenKind::end;
  int line = 1;
  std::string text;  // of a string: unescaped; of an error: the message

  bool is(std::string_view symbol) const { return kind == TokenKind::symbol && text == symbol; }
  bool is_name(std::string_view name) const { return kind == TokenKind::name && text == name; }
};

std::string describe(const Token& token);  // in messages, as jinja2 says it
std::string_view describe(TokenKind kind);

std::vector<Token> tokenize(std::string_view source);

}  // namespace fabula::text::jinja
