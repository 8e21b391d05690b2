// The variables of a chat template as transformers' apply_chat_template gives them, from what people write
// down.
#pragma once

#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::text {

struct TemplateRequest {
  std::optional<std::string> bos_token,
      eos_token;                      // of the tokenizer; none: the template finds no such variable
  bool add_generation_prompt = true;  // where the input itself does not say
};

// `input`: a list of messages, or an object with "messages" and any further variables, which win over the
// request's. `tools` and `documents` are none unless given: templates ask for them. Errors: invalid_argument.
Result<OrderedJson> template_request(OrderedJson input, const TemplateRequest& request = {});

}  // namespace fabula::text
