// The parts that every JSON grammar is made of. White space is kept short, so that a model cannot write
// nothing but blanks; numbers are kept to what a double holds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/grammar/builder.h"

namespace fabula::grammar {

class JsonRules {
 public:
  explicit JsonRules(Builder& builder) : builder_(builder) {}

  Expr space();                        // between tokens, may be empty
  Expr string();                       // any
  Expr string(int64_t least, int64_t most);  // of this many characters
  Expr integer();
  Expr number();
  Expr boolean();
  Expr null() { return builder_.literal("null"); }
  Expr value(int level = 0);   // anything; objects and lists nest to a fixed depth
  Expr object(int level = 0);
  Expr array(int level = 0);
  Expr list_of(Expr item, int64_t least, int64_t most);  // a list, brackets included
  Expr character();            // of a string
  // A string, quotes included, that is none of these.
  Expr string_but(const std::vector<std::string>& texts);

  Builder& builder() { return builder_; }

 private:
  Expr once(const std::string& name, Expr (JsonRules::*make)());
  Expr make_space();
  Expr make_string();
  Expr make_integer();
  Expr make_number();
  Expr make_character();
  Expr none_of(const std::vector<std::u32string>& texts, size_t begin, size_t end, size_t depth);

  Builder& builder_;
  std::map<std::string, Expr> made_;
};

inline constexpr int deepest_value = 24;              // levels of free JSON
inline constexpr int64_t most_characters = 16'384;    // a longer maxLength allows no more than this
inline constexpr int64_t most_items = 4'096;

}  // namespace fabula::grammar
