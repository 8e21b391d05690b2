#include "app/server/reply_grammar.h"

#include <algorithm>

#include "core/grammar/json_schema.h"
#include "core/session/prompt.h"

namespace fabula::server {

namespace {

constexpr int64_t most_parallel_calls = 8;

bool concerns_tools(const OpenAiRequest& request) {
  if (!request.tools.declared.empty()) return true;
  return std::ranges::any_of(request.messages, [](const OrderedJson& message) {
    return message["role"] == "tool" || message.contains("tool_calls");
  });
}

bool offers_tools(const OpenAiRequest& request) {
  return request.tools.choice != ToolsRequest::Choice::none;
}

// The prompt's last words are the opening of the model's thoughts.
bool opens_thoughts(const model::Model& model, const std::vector<int32_t>& prompt) {
  const size_t n = std::min<size_t>(prompt.size(), 12);
  std::string tail = model.tokenizer->decode(std::span(prompt).last(n), true);
  tail.erase(tail.find_last_not_of(" \t\r\n") + 1);
  return tail.ends_with("<think>");
}

grammar::Expr thoughts_before(grammar::Builder& builder, const text::Tokenizer& tokenizer, grammar::Expr reply) {
  const text::TokenId end = tokenizer.find_or_negative("</think>");
  const bool control = end >= 0 && tokenizer.kind(end) == text::TokenKind::control;
  const grammar::Expr any =
      builder.repeat(builder.one_of(grammar::CodePoints::all()), 0, grammar::Builder::unbounded);
  const grammar::Expr thoughts = control ? builder.sequence({any, builder.token(end)}) : builder.until("</think>");
  const grammar::Expr gap = builder.repeat(builder.literal("\n"), 0, 2);
  return builder.sequence({thoughts, gap, reply});
}

}  // namespace

TemplateTools tools_of(const model::Model& model, const OpenAiRequest& request) {
  if (!concerns_tools(request) || !model.chat_template) return {};
  TemplateTools tools = probe_template(*model.chat_template);
  if (!tools.knows_tools) tools.format = &hermes_format();
  return tools;
}

Result<std::vector<int32_t>> prompt_of(const model::Model& model, const OpenAiRequest& request,
                                       const TemplateTools& tools) {
  const OrderedJson offered = offers_tools(request) ? request.tools.declared : OrderedJson::array();
  if (concerns_tools(request) && !tools.knows_tools)
    return session::chat_prompt(model, messages_with_tools(request.messages, offered), request.template_variables);
  OrderedJson variables = request.template_variables;
  if (!offered.empty()) variables["tools"] = offered;
  return session::chat_prompt(model, request.messages, variables);
}

ReplySplitter::Options splitting_of(const model::Model& model, const OpenAiRequest& request,
                                    const TemplateTools& tools, const std::vector<int32_t>& prompt) {
  ReplySplitter::Options options;
  options.starts_in_reasoning = opens_thoughts(model, prompt);
  if (!offers_tools(request)) return options;
  options.format = tools.format;
  for (const Tool& tool : request.tools.tools) options.names.push_back(tool.name);
  return options;
}

ReplyGrammar reply_grammar(const model::Model& model, const OpenAiRequest& request,
                           const ReplySplitter::Options& splitting) {
  const auto problem = [](const char* field, const std::string& message) {
    return ReplyGrammar{nullptr, ApiError{400, std::string(field) + ": " + message, "invalid_request_error", field}};
  };
  const bool required = request.tools.choice == ToolsRequest::Choice::required;
  const bool strict = std::ranges::any_of(request.tools.tools, &Tool::strict);
  if ((required || strict) && offers_tools(request) && !splitting.format)
    return problem(required ? "tool_choice" : "tools", "this model's template writes calls in a way that Fabula cannot hold it to");

  grammar::Builder builder;
  std::vector<grammar::Expr> ways;
  const int64_t most = request.tools.parallel ? most_parallel_calls : 1;
  if (required || (offers_tools(request) && (strict || request.schema))) {
    std::vector<Tool> tools = request.tools.tools;
    for (Tool& tool : tools)
      if (!required && !tool.strict) tool.parameters = {{"type", "object"}};
    const auto calls = required || request.schema
                           ? calls_expression(builder, *splitting.format, tools, most, *model.tokenizer)
                           : text_or_calls_expression(builder, *splitting.format, tools, most, *model.tokenizer);
    if (!calls.ok()) return problem("tools", calls.error().message);
    ways.push_back(*calls);
  }
  if (request.schema && !required) {
    const auto schema = grammar::add_json_schema(builder, *request.schema);
    if (!schema.ok()) return problem("response_format", schema.error().message);
    ways.push_back(*schema);
  }
  if (ways.empty()) return {};
  grammar::Expr reply = builder.choice(std::move(ways));
  if (splitting.starts_in_reasoning) reply = thoughts_before(builder, *model.tokenizer, reply);
  const grammar::RuleId root = builder.declare("the reply");
  builder.define(root, reply);
  auto built = builder.build(root);
  if (!built.ok()) return problem(request.schema ? "response_format" : "tools", built.error().message);
  return {*std::move(built), std::nullopt};
}

}  // namespace fabula::server
