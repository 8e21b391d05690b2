#include "app/server/openapi.h"

#include <nlohmann/json.hpp>
#include <type_traits>

#include "app/server/openai_request.h"

#include "core/base/build_info.h"

namespace fabula::server {

namespace {

struct Operation {
  const char* method;
  const char* path;
  const char* summary;
  const char* request;  // name of the body's schema, "" where there is none
  const char* status;   // of success
};

constexpr Operation operations[] = {
    {"get", "/health", "Whether the server is ready", "", "200"},
    {"get", "/metrics", "Counters in Prometheus's text format", "", "200"},
    {"get", "/v1/models", "The models that can be asked", "", "200"},
    {"get", "/v1/models/{id}", "One of them", "", "200"},
    {"post", "/v1/chat/completions", "Answer a conversation", "ChatRequest", "200"},
    {"post", "/v1/completions", "Continue a text", "CompletionRequest", "200"},
    {"post", "/tokenize", "Text to token ids", "TokenizeRequest", "200"},
    {"post", "/detokenize", "Token ids to text", "DetokenizeRequest", "200"},
    {"get", "/api/sessions", "All sessions, the newest change first", "", "200"},
    {"post", "/api/sessions", "A new session", "SessionRequest", "201"},
    {"get", "/api/sessions/{id}", "A session with the messages of its current path", "", "200"},
    {"patch", "/api/sessions/{id}", "Rename, or change the system prompt", "SessionChange", "200"},
    {"delete", "/api/sessions/{id}", "Move a session to the trash", "", "200"},
    {"post", "/api/sessions/{id}/restore", "Take a session out of the trash", "", "200"},
    {"post", "/api/sessions/{id}/messages", "Send a message and get the reply", "MessageRequest", "200"},
    {"post", "/api/sessions/{id}/rollback", "Make a message the last one", "RollbackRequest", "200"},
    {"post", "/api/sessions/{id}/regenerate", "Another reply to the last message", "ReplyRequest", "200"},
    {"post", "/api/sessions/{id}/continue", "Go on with the last reply", "ReplyRequest", "200"},
    {"post", "/api/sessions/{id}/cancel", "Stop the reply that is being written", "", "200"},
    {"get", "/api/sessions/{id}/export", "The session as a document", "", "200"},
};

OrderedJson string_schema() {
  return {{"type", "string"}};
}
OrderedJson number_schema(double lowest, double highest) {
  return {{"type", "number"}, {"minimum", lowest}, {"maximum", highest}};
}
OrderedJson integer_schema(int64_t lowest, int64_t highest) {
  return {{"type", "integer"}, {"minimum", lowest}, {"maximum", highest}};
}

OrderedJson object_schema(OrderedJson properties, OrderedJson required = OrderedJson::array()) {
  OrderedJson schema = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

OrderedJson sampling_properties() {
  const OrderedJson texts = {
      {"oneOf", {string_schema(), {{"type", "array"}, {"items", string_schema()}, {"maxItems", 16}}}}};
  OrderedJson out = {{"seed", integer_schema(0, INT64_MAX)},
                     {"max_tokens", integer_schema(1, 1 << 20)},
                     {"stop", texts},
                     {"dry_breakers", texts},
                     {"stream", {{"type", "boolean"}}}};
  const engine::SamplerSettings defaults;
  engine::SamplerSettings::rows(defaults, [&out](const engine::SamplerParameter& p, const auto& field) {
    const FieldRange range = field_range(p);
    out[p.name] = std::is_floating_point_v<std::decay_t<decltype(field)>>
                      ? number_schema(range.lowest, range.highest)
                      : integer_schema(static_cast<int64_t>(range.lowest), static_cast<int64_t>(range.highest));
  });
  return out;
}

OrderedJson with(OrderedJson properties, OrderedJson more) {
  for (auto& [name, value] : more.items()) properties[name] = std::move(value);
  return properties;
}

OrderedJson response_format_schema() {
  OrderedJson inner = object_schema(
      {{"name", string_schema()}, {"strict", {{"type", "boolean"}}}, {"schema", {{"type", "object"}}}}, {"schema"});
  return object_schema({{"type", {{"type", "string"}, {"enum", {"text", "json_object", "json_schema"}}}},
                        {"json_schema", std::move(inner)}},
                       {"type"});
}

OrderedJson reply_properties() {
  return with(sampling_properties(), {{"response_format", response_format_schema()}, {"grammar", string_schema()}});
}

OrderedJson tool_schema() {
  OrderedJson function = object_schema({{"name", {{"type", "string"}, {"pattern", "^[A-Za-z0-9_.-]{1,64}$"}}},
                                        {"description", string_schema()},
                                        {"parameters", {{"type", "object"}}},
                                        {"strict", {{"type", "boolean"}}}},
                                       {"name"});
  return object_schema({{"type", {{"type", "string"}, {"enum", {"function"}}}}, {"function", std::move(function)}},
                       {"type", "function"});
}

OrderedJson schemas() {
  OrderedJson completion =
      with(sampling_properties(), {{"model", string_schema()}, {"n", integer_schema(1, 8)}});
  OrderedJson message = {{"type", "object"},
                         {"properties", {{"role", string_schema()}, {"content", string_schema()}}},
                         {"required", {"role", "content"}}};
  return {
      {"ChatRequest",
       object_schema(with(completion, {{"messages", {{"type", "array"}, {"items", message}, {"minItems", 1}}},
                                       {"max_completion_tokens", integer_schema(1, 1 << 20)},
                                       {"logprobs", {{"type", "boolean"}}},
                                       {"top_logprobs", integer_schema(0, 20)},
                                       {"stream_options", object_schema({{"include_usage", {{"type", "boolean"}}}})},
                                       {"chat_template_kwargs", {{"type", "object"}}},
                                       {"response_format", response_format_schema()},
                                       {"tools", {{"type", "array"}, {"items", tool_schema()}, {"maxItems", 128}}},
                                       {"tool_choice", {{"type", "string"}, {"enum", {"none", "auto", "required"}}}},
                                       {"parallel_tool_calls", {{"type", "boolean"}}}}),
                     {"model", "messages"})},
      {"CompletionRequest", object_schema(with(completion, {{"prompt", string_schema()},
                                                            {"echo", {{"type", "boolean"}}},
                                                            {"logprobs", integer_schema(0, 20)}}),
                                          {"model", "prompt"})},
      {"TokenizeRequest", object_schema({{"content", string_schema()},
                                         {"model", string_schema()},
                                         {"add_special", {{"type", "boolean"}}},
                                         {"parse_special", {{"type", "boolean"}}}},
                                        {"content"})},
      {"DetokenizeRequest",
       object_schema({{"tokens", {{"type", "array"}, {"items", integer_schema(0, INT32_MAX)}}},
                      {"model", string_schema()}},
                     {"tokens"})},
      {"SessionRequest", object_schema({{"mode", {{"type", "string"}, {"enum", {"chat", "story"}}}},
                                        {"title", string_schema()},
                                        {"system", string_schema()},
                                        {"model", string_schema()}})},
      {"SessionChange", object_schema({{"title", string_schema()}, {"system", string_schema()}})},
      {"MessageRequest",
       object_schema(with(reply_properties(),
                          {{"role", {{"type", "string"}, {"enum", {"user"}}}}, {"content", string_schema()}}),
                     {"content"})},
      {"ReplyRequest", object_schema(reply_properties())},
      {"RollbackRequest", object_schema({{"message", string_schema()}}, {"message"})},
      {"Error", object_schema({{"error",
                                {{"type", "object"},
                                 {"properties",
                                  {{"message", string_schema()},
                                   {"type", string_schema()},
                                   {"param", {{"type", "string"}, {"nullable", true}}},
                                   {"code", {{"type", "string"}, {"nullable", true}}}}}}}},
                              {"error"})},
  };
}

OrderedJson reference(const std::string& name) {
  return {{"$ref", "#/components/schemas/" + name}};
}

OrderedJson operation_json(const Operation& operation) {
  const OrderedJson error = {{"description", "What was wrong"},
                             {"content", {{"application/json", {{"schema", reference("Error")}}}}}};
  OrderedJson out = {{"summary", operation.summary},
                     {"responses", {{operation.status, {{"description", "Success"}}}, {"default", error}}}};
  if (*operation.request)
    out["requestBody"] = {{"required", true},
                          {"content", {{"application/json", {{"schema", reference(operation.request)}}}}}};
  if (std::string_view(operation.path).find("{id}") != std::string_view::npos)
    out["parameters"] = OrderedJson::array(
        {{{"name", "id"}, {"in", "path"}, {"required", true}, {"schema", string_schema()}}});
  return out;
}

}  // namespace

OrderedJson openapi_document() {
  OrderedJson paths = OrderedJson::object();
  for (const Operation& operation : operations)
    paths[operation.path][operation.method] = operation_json(operation);
  return {
      {"openapi", "3.0.3"},
      {"info",
       {{"title", "Fabula"},
        {"version", fabula::version()},
        {"description", "Stories and chats with language models on your own machine"}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", schemas()}, {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

}  // namespace fabula::server
