// The parts of the schema reader that its files share.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/grammar/json_rules.h"
#include "core/grammar/json_schema.h"

namespace fabula::grammar {

// Two schemas as one that both must hold. Errors: unsupported, where their keywords cannot be joined; `path`
// names the place.
Result<OrderedJson> merge_schemas(const OrderedJson& a, const OrderedJson& b, const std::string& path);

class SchemaReader {
 public:
  SchemaReader(Builder& builder, const OrderedJson& document) : rules_(builder), document_(document) {}

  Result<Expr> read();

 private:
  struct Place {
    std::string path;  // a JSON pointer behind "#"
    int depth = 0;
    Place at(const std::string& step) const { return {path + "/" + step, depth + 1}; }
  };
  static Error wrong(const Place& place, const std::string& what);
  static Error unsupported(const Place& place, const std::string& keyword, const std::string& why = "");

  Result<Expr> value(const OrderedJson& schema, const Place& place);
  Result<Expr> composed(const OrderedJson& schema, const char* keyword, const Place& place);
  Result<Expr> all_of(const OrderedJson& schema, const Place& place);
  Result<Expr> reference(const OrderedJson& schema, const Place& place);
  Result<const OrderedJson*> resolve(const std::string& reference, const Place& place) const;
  Result<Expr> constants(const OrderedJson& schema, const std::set<std::string>& types, const Place& place);
  Result<std::set<std::string>> types_of(const OrderedJson& schema, const Place& place) const;
  Result<Expr> of_type(const std::string& type, const OrderedJson& schema, const Place& place);
  Result<Expr> string(const OrderedJson& schema, const Place& place);
  Result<Expr> number(const OrderedJson& schema, bool integer, const Place& place);
  Result<Expr> array(const OrderedJson& schema, const Place& place);
  Result<Expr> object(const OrderedJson& schema, const Place& place);
  Status check_keywords(const OrderedJson& schema, const Place& place) const;
  // A non-negative integer, `otherwise` where absent.
  static Result<int64_t> count(const OrderedJson& schema, const char* keyword, int64_t otherwise, const Place& place);

  struct Member {
    std::string name;
    OrderedJson schema;
    bool required = false;
  };
  Result<std::vector<Member>> members(const OrderedJson& schema, const Place& place) const;
  Expr members_in_order(const std::vector<Expr>& members, const std::vector<bool>& required, Expr more_members, bool has_more);

  Builder& builder() { return rules_.builder(); }

  JsonRules rules_;
  const OrderedJson& document_;
  std::map<std::string, RuleId> references_;  // by pointer
  std::deque<std::pair<std::string, const OrderedJson*>> to_read_;
  size_t schemas_read_ = 0;
};

}  // namespace fabula::grammar
