#include "app/server/tool_formats.h"

#include <nlohmann/json.hpp>

#include "core/grammar/json_schema.h"

namespace fabula::server {

namespace {

constexpr std::string_view blanks = " \t\r\n";

// The length of the JSON object or list at the beginning of `text`; npos where it is not whole yet.
size_t json_length(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return i + 1;
    }
  }
  return std::string_view::npos;
}

size_t skip_blanks(std::string_view text, size_t at) {
  return std::min(text.find_first_not_of(blanks, at), text.size());
}

std::optional<ToolCall> call_of(const ToolFormat& format, const OrderedJson& value) {
  if (!value.is_object() || !value.contains("name") || !value["name"].is_string()) return std::nullopt;
  ToolCall call{value["name"].get<std::string>(), "{}"};
  // Models mix the two words up; a call is a call.
  for (const char* key : {format.arguments, "arguments", "parameters"}) {
    const auto found = value.find(key);
    if (found == value.end()) continue;
    call.arguments = found->is_string() ? found->get<std::string>() : dump_json(*found);
    break;
  }
  return call;
}

bool add_calls(const ToolFormat& format, std::string_view json, std::vector<ToolCall>& calls) {
  const auto value = parse_ordered_json(json, "a call");
  if (!value.ok()) return false;
  if (!value->is_array()) {
    const auto call = call_of(format, *value);
    if (call) calls.push_back(*call);
    return call.has_value();
  }
  for (const OrderedJson& item : *value) {
    const auto call = call_of(format, item);
    if (!call) return false;
    calls.push_back(*call);
  }
  return !value->empty();
}

ParsedCalls incomplete_or_none(bool at_end) {
  return {at_end ? ParsedCalls::Outcome::no_call : ParsedCalls::Outcome::incomplete, {}, 0};
}

}  // namespace

const std::vector<ToolFormat>& tool_formats() {
  static const std::vector<ToolFormat> rows = {
      {"mistral", "[TOOL_CALLS]fabula_probe", "[TOOL_CALLS]", "", "arguments", false, "[ARGS]", true, 9},
      {"mistral-list", "[TOOL_CALLS]", "[TOOL_CALLS]", "", "arguments", true, nullptr, false, 9},
      {"hermes", "<tool_call>\n{", "<tool_call>", "</tool_call>", "arguments", false, nullptr, true, 0},
      {"llama3", "\"parameters\": {", "", "", "parameters", false, nullptr, false, 0},
  };
  return rows;
}

const ToolFormat& hermes_format() {
  return tool_formats()[2];
}

ParsedCalls parse_calls(const ToolFormat& format, std::string_view text, bool at_end) {
  ParsedCalls parsed;
  size_t at = skip_blanks(text, 0);
  std::string name;
  if (format.between) {
    const size_t split = text.find(format.between, at), brace = text.find('{', at);
    if (split == std::string_view::npos && brace == std::string_view::npos) return incomplete_or_none(at_end);
    const size_t end = std::min(split, brace);
    name = text.substr(at, end - at);
    while (!name.empty() && blanks.find(name.back()) != std::string_view::npos) name.pop_back();
    at = skip_blanks(text, end + (split < brace ? std::string_view(format.between).size() : 0));
  }
  if (at == text.size()) return incomplete_or_none(at_end);
  if (text[at] != '{' && text[at] != '[') return parsed;
  const size_t length = json_length(text.substr(at));
  if (length == std::string_view::npos) return incomplete_or_none(at_end);
  const std::string_view json = text.substr(at, length);
  if (format.between) {
    if (name.empty() || !parse_ordered_json(json, "a call").ok()) return parsed;
    parsed.calls.push_back({name, std::string(json)});
  } else if (!add_calls(format, json, parsed.calls)) {
    return parsed;
  }
  at += length;
  const std::string_view close = format.close;
  if (!close.empty()) {
    const size_t behind = skip_blanks(text, at);
    const std::string_view rest = text.substr(behind);
    if (rest.starts_with(close))
      at = behind + close.size();
    else if (!at_end && close.starts_with(rest))
      return incomplete_or_none(false);
  }
  parsed.outcome = ParsedCalls::Outcome::calls;
  parsed.bytes = at;
  return parsed;
}

namespace {

// A marker as the vocabulary has it: a control token, or its letters.
grammar::Expr marker(grammar::Builder& builder, const text::Tokenizer& tokenizer, const char* text) {
  const text::TokenId id = *text ? tokenizer.find_or_negative(text) : -1;
  return id >= 0 && tokenizer.kind(id) == text::TokenKind::control ? builder.token(id) : builder.literal(text);
}

Result<grammar::Expr> one_call(grammar::Builder& builder, const ToolFormat& format, const std::vector<Tool>& tools,
                               const text::Tokenizer& tokenizer) {
  std::vector<grammar::Expr> ways;
  for (const Tool& tool : tools) {
    FABULA_ASSIGN(const grammar::Expr arguments, grammar::add_json_schema(builder, tool.parameters));
    if (format.between) {
      ways.push_back(builder.sequence({builder.literal(tool.name), marker(builder, tokenizer, format.between), arguments}));
      continue;
    }
    const std::string head = "{\"name\": " + dump_json(OrderedJson(tool.name)) + ", \"" + format.arguments + "\": ";
    ways.push_back(builder.sequence({builder.literal(head), arguments, builder.literal("}")}));
  }
  const grammar::Expr call = builder.as_call("a call", builder.choice(std::move(ways)));
  if (!*format.close) return call;
  return builder.sequence({builder.literal("\n"), call, builder.literal("\n"), marker(builder, tokenizer, format.close)});
}

// What follows the first `open`.
Result<grammar::Expr> behind_open(grammar::Builder& builder, const ToolFormat& format, const std::vector<Tool>& tools,
                                  int64_t most, const text::Tokenizer& tokenizer) {
  FABULA_ASSIGN(const grammar::Expr call, one_call(builder, format, tools, tokenizer));
  if (format.list) {
    const grammar::Expr more = builder.as_call("more calls", builder.sequence({builder.literal(", "), call}));
    return builder.sequence({builder.literal("["), call, builder.repeat(more, 0, most - 1), builder.literal("]")});
  }
  if (!format.repeats_open) return call;  // Llama 3 writes one call a reply
  const grammar::Expr gap = builder.literal(*format.close ? "\n" : "");
  const grammar::Expr more =
      builder.as_call("more calls", builder.sequence({gap, marker(builder, tokenizer, format.open), call}));
  return builder.sequence({call, builder.repeat(more, 0, most - 1)});
}

}  // namespace

Result<grammar::Expr> calls_expression(grammar::Builder& builder, const ToolFormat& format, const std::vector<Tool>& tools,
                                       int64_t most, const text::Tokenizer& tokenizer) {
  FABULA_ASSIGN(const grammar::Expr calls, behind_open(builder, format, tools, most, tokenizer));
  return builder.sequence({marker(builder, tokenizer, format.open), calls});
}

Result<grammar::Expr> text_or_calls_expression(grammar::Builder& builder, const ToolFormat& format,
                                               const std::vector<Tool>& tools, int64_t most,
                                               const text::Tokenizer& tokenizer) {
  FABULA_ASSIGN(const grammar::Expr calls, behind_open(builder, format, tools, most, tokenizer));
  const grammar::CodePoints any = grammar::CodePoints::all();
  const grammar::Expr text = builder.repeat(builder.one_of(any), 0, grammar::Builder::unbounded);
  if (!*format.open) {
    const grammar::Expr blank = builder.repeat(builder.one_of({{' ', ' '}, {'\n', '\n'}}), 0, 8);
    const grammar::CodePoints no_call = any.without({{' ', ' '}, {'\n', '\n'}, {'{', '{'}});
    const grammar::Expr plain = builder.sequence({builder.one_of(no_call), text});
    return builder.sequence({blank, builder.choice({builder.nothing(), plain, calls})});
  }
  const text::TokenId id = tokenizer.find_or_negative(format.open);
  if (id >= 0 && tokenizer.kind(id) == text::TokenKind::control)
    return builder.sequence({text, builder.optional(builder.sequence({builder.token(id), calls}))});
  return builder.choice({builder.text_without(format.open), builder.sequence({builder.until(format.open), calls})});
}

}  // namespace fabula::server
