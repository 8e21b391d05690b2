#include <algorithm>

#include "core/grammar/json_text.h"
#include "core/grammar/schema_reader.h"

namespace fabula::grammar {

namespace {

constexpr size_t max_members = 2'000;
constexpr size_t max_name_bytes = 512;

}  // namespace

Result<std::vector<SchemaReader::Member>> SchemaReader::members(const OrderedJson& schema, const Place& place) const {
  std::vector<Member> members;
  if (const auto properties = schema.find("properties"); properties != schema.end()) {
    if (!properties->is_object()) return wrong(place, "properties must be an object");
    for (const auto& [name, inner] : properties->items()) members.push_back({name, inner});
  }
  const auto rest = schema.find("additionalProperties");
  if (const auto required = schema.find("required"); required != schema.end()) {
    if (!required->is_array()) return wrong(place, "required must be a list of names");
    for (const OrderedJson& name : *required) {
      if (!name.is_string()) return wrong(place, "required must be a list of names");
      const auto& text = name.get_ref<const std::string&>();
      auto found = std::ranges::find(members, text, &Member::name);
      if (found == members.end())
        found = members.insert(members.end(), {text, rest != schema.end() ? *rest : OrderedJson(true)});
      found->required = true;
      if (members.size() > max_members) break;
    }
  }
  if (members.size() > max_members) return wrong(place, "more than 2000 properties");
  for (const Member& member : members)
    if (member.name.size() > max_name_bytes) return wrong(place, "the name of a property is longer than 512 bytes");
  return members;
}

// Members in the schema's order, the optional ones left out at will: one rule for what may follow each place,
// once for an object that is still empty and once behind a member.
Expr SchemaReader::members_in_order(const std::vector<Expr>& members, const std::vector<bool>& required,
                                    Expr more_members, bool has_more) {
  const Expr comma = builder().sequence({builder().literal(","), rules_.space()});
  Expr when_empty = builder().nothing(), behind = builder().nothing();
  if (has_more) {
    const Expr another = builder().as_call("another member", builder().sequence({comma, more_members}));
    behind = builder().as_call("more members", builder().repeat(another, 0, Builder::unbounded));
    when_empty = builder().optional(builder().sequence({more_members, behind}));
  }
  for (size_t i = members.size(); i-- > 0;) {
    std::vector<Expr> first = {builder().sequence({members[i], behind})};
    std::vector<Expr> next = {builder().sequence({comma, members[i], behind})};
    if (!required[i]) {
      first.push_back(when_empty);
      next.push_back(behind);
    }
    when_empty = builder().as_call("members", builder().choice(std::move(first)));
    behind = builder().as_call("members", builder().choice(std::move(next)));
  }
  return when_empty;
}

Result<Expr> SchemaReader::object(const OrderedJson& schema, const Place& place) {
  FABULA_ASSIGN(const std::vector<Member> list, members(schema, place));
  const auto rest = schema.find("additionalProperties");
  const bool has_rest = rest != schema.end() && *rest != OrderedJson(false);
  if (list.empty() && rest == schema.end()) return rules_.object();

  const auto member = [&](Expr key, Expr content) {
    return builder().sequence({key, rules_.space(), builder().literal(":"), rules_.space(), content, rules_.space()});
  };
  std::vector<Expr> exprs;
  std::vector<bool> required;
  std::vector<std::string> names;
  for (const Member& one : list) {
    FABULA_ASSIGN(const Expr content, value(one.schema, place.at("properties").at(one.name)));
    const Expr key = builder().literal(json_constant(one.name));
    exprs.push_back(builder().as_call("#" + place.path + "/properties/" + one.name, member(key, content)));
    required.push_back(one.required);
    names.push_back(one.name);
  }
  Expr more = builder().never();
  if (has_rest) {
    FABULA_ASSIGN(const Expr content, value(*rest, place.at("additionalProperties")));
    const Expr key = names.empty() ? rules_.string() : rules_.string_but(names);
    more = builder().as_call("#" + place.path + "/additionalProperties", member(key, content));
  }
  return builder().sequence({builder().literal("{"), rules_.space(),
                             members_in_order(exprs, required, more, has_rest), builder().literal("}")});
}

}  // namespace fabula::grammar
