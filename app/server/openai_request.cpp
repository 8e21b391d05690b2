#include "app/server/openai_request.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace fabula::server {

namespace {

constexpr int64_t max_choices = 8, max_stops = 16, max_top_logprobs = 20, max_reply_tokens = 1 << 20;

// {"50256": -100, ...} as OpenAI writes it.
void read_logit_bias(FieldReader& fields, engine::SamplerSettings& sampler) {
  const OrderedJson* bias = fields.find_or_null("logit_bias");
  if (!bias) return;
  if (!bias->is_object() || bias->size() > 1024)
    return fields.fail("logit_bias", "logit_bias must be an object of at most 1024 token ids");
  for (const auto& [key, value] : bias->items()) {
    const bool digits =
        !key.empty() && key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos;
    const double amount = value.is_number() ? value.get<double>() : NAN;
    if (!digits || !(amount >= -100 && amount <= 100))
      return fields.fail("logit_bias", "logit_bias maps token ids to numbers from -100 to 100");
    sampler.logit_bias.emplace_back(std::stoi(key), static_cast<float>(amount));
  }
}

void read_stream_options(FieldReader& fields, OpenAiRequest& request) {
  const OrderedJson* options = fields.find_or_null("stream_options");
  if (!options) return;
  if (!options->is_object()) return fields.fail("stream_options", "stream_options must be an object");
  if (!request.stream) return fields.fail("stream_options", "stream_options is only allowed where stream is true");
  for (const auto& [key, value] : options->items()) {
    if (key != "include_usage" || !value.is_boolean())
      return fields.fail("stream_options", "stream_options takes include_usage alone, true or false");
    request.include_usage = value.get<bool>();
  }
}

void read_common(FieldReader& fields, OpenAiRequest& request) {
  fields.text("model", request.model);
  fields.require("model");
  read_sampling(fields, request.sampler);
  read_logit_bias(fields, request.sampler);
  int64_t seed = 0;
  if (fields.integer("seed", 0, INT64_MAX, seed)) request.seed = static_cast<uint64_t>(seed);
  fields.integer("n", 1, max_choices, request.n);
  fields.texts("stop", request.stop, max_stops);
  fields.boolean("stream", request.stream);
  read_stream_options(fields, request);
  fields.accept("user");
  fields.accept("metadata");
  fields.accept("store");
}

// Content: a string, null beside tool calls, or a list of {"type":"text","text":...} parts that are joined.
bool normalise_content(OrderedJson& message) {
  auto content = message.find("content");
  if (content == message.end() || content->is_null()) {
    message["content"] = "";
    return message.value("role", "") == "assistant";
  }
  if (content->is_string()) return true;
  if (!content->is_array()) return false;
  std::string joined;
  for (const OrderedJson& part : *content) {
    const bool is_text = part.is_object() && part.contains("type") && part["type"] == "text" &&
                         part.contains("text") && part["text"].is_string();
    if (!is_text) return false;
    joined += part["text"].get_ref<const std::string&>();
  }
  *content = joined;
  return true;
}

void read_messages(FieldReader& fields, OpenAiRequest& request) {
  fields.require("messages");
  const OrderedJson* messages = fields.find_or_null("messages");
  if (!messages) return;
  if (!messages->is_array() || messages->empty())
    return fields.fail("messages", "messages must be a list with at least one message");
  request.messages = *messages;
  for (size_t i = 0; i < request.messages.size(); ++i) {
    OrderedJson& message = request.messages[i];
    const std::string where = "messages[" + std::to_string(i) + "]";
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string())
      return fields.fail("messages", where + " must be an object with a role");
    if (message["role"] == "developer") message["role"] = "system";
    const std::string& role = message["role"].get_ref<const std::string&>();
    if (role != "system" && role != "user" && role != "assistant" && role != "tool")
      return fields.fail("messages", where + " has the unknown role \"" + role + "\"");
    if (!normalise_content(message)) return fields.fail("messages", where + ": content must be text");
    if (const std::string wrong = normalise_tool_calls(message); !wrong.empty())
      return fields.fail("messages", where + ": " + wrong);
    if (role == "tool" && !(message.contains("tool_call_id") && message["tool_call_id"].is_string()))
      return fields.fail("messages", where + ": a tool message needs its tool_call_id");
  }
}

void read_prompts(FieldReader& fields, OpenAiRequest& request) {
  fields.require("prompt");
  const OrderedJson* prompt = fields.find_or_null("prompt");
  if (!prompt) return;
  const auto is_ids = [](const OrderedJson& value) {
    if (!value.is_array() || value.empty()) return false;
    for (const OrderedJson& id : value)
      if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > INT32_MAX) return false;
    return true;
  };
  const auto add = [&](const OrderedJson& value) {
    if (value.is_string()) return request.prompts.push_back(value.get<std::string>()), true;
    if (is_ids(value)) return request.prompt_tokens.push_back(value.get<std::vector<int32_t>>()), true;
    return false;
  };
  bool fine = true;
  if (prompt->is_string() || is_ids(*prompt))
    fine = add(*prompt);
  else if (prompt->is_array() && !prompt->empty() && prompt->size() <= static_cast<size_t>(max_choices))
    for (const OrderedJson& one : *prompt) fine = fine && add(one);
  else
    fine = false;
  if (!fine)
    fields.fail("prompt", "prompt must be a string, a list of token ids, or a list of at most 8 of these");
}

}  // namespace

std::string requested_model(const OrderedJson& body) {
  const auto found = body.find("model");
  return found != body.end() && found->is_string() ? found->get<std::string>() : "";
}

FieldRange field_range(const engine::SamplerParameter& parameter) {
  const std::string_view name = parameter.name;
  const bool theirs = name == "temperature" || name == "presence_penalty" || name == "frequency_penalty";
  return {theirs ? std::max(parameter.lowest, -2.0) : parameter.lowest,
          theirs ? std::min(parameter.highest, 2.0) : parameter.highest};
}

void read_sampling(FieldReader& fields, engine::SamplerSettings& sampler) {
  engine::SamplerSettings::rows(sampler, [&](const engine::SamplerParameter& p, auto& field) {
    const auto [lowest, highest] = field_range(p);
    if constexpr (std::is_floating_point_v<std::decay_t<decltype(field)>>) {
      fields.number(p.name, lowest, highest, field);
    } else {
      int64_t number = field;
      if (fields.integer(p.name, static_cast<int64_t>(lowest), static_cast<int64_t>(highest), number))
        field = static_cast<int>(number);
    }
  });
  if (sampler.mirostat == 1) fields.fail("mirostat", "mirostat must be 0 (off) or 2; version 1 is not offered");
  std::vector<std::string> breakers;
  if (fields.texts("dry_breakers", breakers, max_stops)) sampler.dry_breakers = std::move(breakers);
}

// {"type":"text"}, {"type":"json_object"} or {"type":"json_schema","json_schema":{"name","schema","strict"?,"description"?}}.
std::optional<OrderedJson> read_response_format(FieldReader& fields) {
  const OrderedJson* format = fields.find_or_null("response_format");
  if (!format) return std::nullopt;
  const auto fail = [&](const std::string& message) {
    fields.fail("response_format", "response_format: " + message);
    return std::nullopt;
  };
  if (!format->is_object()) return fail("must be an object");
  const OrderedJson type = format->value("type", OrderedJson());
  for (const auto& [key, value] : format->items())
    if (key != "type" && !(type == "json_schema" && key == "json_schema")) return fail("unknown field " + key);
  if (type == "text") return std::nullopt;
  if (type == "json_object") return OrderedJson{{"type", "object"}};
  if (type != "json_schema") return fail("type must be text, json_object or json_schema");
  const auto outer = format->find("json_schema");
  if (outer == format->end() || !outer->is_object() || !outer->contains("schema")) return fail("json_schema.schema is required");
  for (const auto& [key, value] : outer->items())
    if (key != "name" && key != "schema" && key != "strict" && key != "description") return fail("unknown field json_schema." + key);
  return (*outer)["schema"];
}

ParsedRequest parse_chat_request(const OrderedJson& body, const engine::SamplerSettings& defaults) {
  ParsedRequest parsed;
  OpenAiRequest& request = parsed.request;
  request.sampler = defaults;
  FieldReader fields(body);
  read_common(fields, request);
  read_messages(fields, request);
  // The newer name wins where a client sends both.
  fields.integer("max_tokens", 1, max_reply_tokens, request.max_tokens);
  fields.integer("max_completion_tokens", 1, max_reply_tokens, request.max_tokens);
  fields.boolean("logprobs", request.logprobs);
  if (fields.integer("top_logprobs", 0, max_top_logprobs, request.top_logprobs) && !request.logprobs)
    fields.fail("top_logprobs", "top_logprobs needs logprobs to be true");
  if (const OrderedJson* kwargs = fields.find_or_null("chat_template_kwargs")) {
    if (kwargs->is_object())
      request.template_variables = *kwargs;
    else
      fields.fail("chat_template_kwargs", "chat_template_kwargs must be an object");
  }
  request.schema = read_response_format(fields);
  request.tools = read_tools(fields);
  fields.refuse("functions", OrderedJson::array());
  fields.refuse("function_call", "none");
  fields.refuse("modalities", OrderedJson::array({"text"}));
  fields.refuse("audio", nullptr);
  fields.refuse("prediction", nullptr);
  fields.refuse("reasoning_effort", nullptr);
  fields.refuse("web_search_options", nullptr);
  fields.refuse("verbosity", nullptr);
  fields.refuse("service_tier", "auto");
  fields.refuse_unknown();
  parsed.problem = fields.problem();
  return parsed;
}

ParsedRequest parse_completion_request(const OrderedJson& body, const engine::SamplerSettings& defaults) {
  ParsedRequest parsed;
  OpenAiRequest& request = parsed.request;
  request.sampler = defaults;
  request.max_tokens = 16;  // OpenAI's default for this endpoint
  FieldReader fields(body);
  read_common(fields, request);
  read_prompts(fields, request);
  fields.integer("max_tokens", 1, max_reply_tokens, request.max_tokens);
  fields.boolean("echo", request.echo);
  if (fields.integer("logprobs", 0, max_top_logprobs, request.top_logprobs)) request.logprobs = true;
  fields.refuse("best_of", 1);
  fields.refuse("suffix", nullptr);
  fields.refuse_unknown();
  parsed.problem = fields.problem();
  return parsed;
}

}  // namespace fabula::server
