#include "core/text/template_request.h"

#include <nlohmann/json.hpp>

namespace fabula::text {

Result<OrderedJson> template_request(OrderedJson input, const TemplateRequest& request) {
  if (input.is_array()) input = OrderedJson{{"messages", std::move(input)}};
  if (!input.is_object() || !input.contains("messages") || !input.at("messages").is_array())
    return Error{ErrorCode::invalid_argument,
                 "expected a list of messages, or an object with a list \"messages\""};
  OrderedJson variables = {
      {"tools", nullptr}, {"documents", nullptr}, {"add_generation_prompt", request.add_generation_prompt}};
  if (request.bos_token) variables["bos_token"] = *request.bos_token;
  if (request.eos_token) variables["eos_token"] = *request.eos_token;
  for (const auto& [name, value] : input.items()) variables[name] = value;
  return variables;
}

}  // namespace fabula::text
