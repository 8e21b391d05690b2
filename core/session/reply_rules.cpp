#include "core/session/reply_rules.h"

#include <nlohmann/json.hpp>

#include "core/base/json.h"
#include "core/grammar/gbnf.h"
#include "core/grammar/json_schema.h"

namespace fabula::session {

Result<grammar::GrammarPtr> read_rules(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return grammar::GrammarPtr();
  if (text[begin] != '{') return grammar::read_gbnf(text);
  FABULA_ASSIGN(const OrderedJson schema, parse_ordered_json(text, "the JSON Schema"));
  return grammar::read_json_schema(schema);
}

Result<std::shared_ptr<const grammar::Constraint>> constraint_of(std::string_view text, grammar::LazyVocabulary& vocabulary) {
  FABULA_ASSIGN(auto rules, read_rules(text));
  if (!rules) return std::shared_ptr<const grammar::Constraint>();
  return std::make_shared<const grammar::Constraint>(grammar::Constraint{std::move(rules), vocabulary.get()});
}

}  // namespace fabula::session
