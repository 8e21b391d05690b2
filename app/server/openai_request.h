// What an OpenAI client asks for, read from its JSON. Fields that Fabula does not support are refused by
// name, never ignored.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/server/fields.h"
#include "app/server/tools_request.h"
#include "core/engine/sampler.h"

namespace fabula::server {

struct OpenAiRequest {
  std::string model;
  OrderedJson messages;                                    // chat/completions
  std::vector<std::string> prompts;                        // completions: one or several
  std::vector<std::vector<int32_t>> prompt_tokens;         // completions: ids instead of text
  OrderedJson template_variables = OrderedJson::object();  // chat_template_kwargs
  engine::SamplerSettings sampler;                         // the fields that were given, over `defaults`
  int64_t max_tokens = 0;                                  // 0: until the context is full
  std::optional<uint64_t> seed;
  int64_t n = 1;
  std::vector<std::string> stop;
  bool stream = false, include_usage = false;
  bool logprobs = false;
  int64_t top_logprobs = 0;
  bool echo = false;
  std::optional<OrderedJson> schema;  // response_format: the reply satisfies it
  ToolsRequest tools;
};

struct ParsedRequest {
  OpenAiRequest request;
  std::optional<ApiError> problem;
};

ParsedRequest parse_chat_request(const OrderedJson& body, const engine::SamplerSettings& defaults);
ParsedRequest parse_completion_request(const OrderedJson& body, const engine::SamplerSettings& defaults);

// The sampling fields shared by both, and by POST /api/sessions/{id}/messages.
// What the API takes of a parameter: narrower than the sampler where OpenAI's API sets bounds.
struct FieldRange {
  double lowest, highest;
};
FieldRange field_range(const engine::SamplerParameter& parameter);
void read_sampling(FieldReader& fields, engine::SamplerSettings& sampler);

// The field response_format as a JSON Schema; nothing where the reply is free (or the field refused).
std::optional<OrderedJson> read_response_format(FieldReader& fields);

// The model's name, before anything else is known: its defaults decide on the rest. "" where absent.
std::string requested_model(const OrderedJson& body);

}  // namespace fabula::server
