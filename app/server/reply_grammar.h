// From a chat request to what the engine is asked: the prompt with its functions, how the reply is taken apart,
// and the grammar that it is held to.
#pragma once

#include <optional>
#include <vector>

#include "app/server/openai_request.h"
#include "app/server/reply_splitter.h"
#include "app/server/tools_request.h"
#include "core/model/model.h"

namespace fabula::server {

// What the template can do for this request; nothing where it concerns no functions.
TemplateTools tools_of(const model::Model& model, const OpenAiRequest& request);

// Errors: those of session::chat_prompt.
Result<std::vector<int32_t>> prompt_of(const model::Model& model, const OpenAiRequest& request,
                                       const TemplateTools& tools);

ReplySplitter::Options splitting_of(const model::Model& model, const OpenAiRequest& request,
                                    const TemplateTools& tools, const std::vector<int32_t>& prompt);

struct ReplyGrammar {
  grammar::GrammarPtr grammar;  // null: the reply is free
  std::optional<ApiError> problem;
};
ReplyGrammar reply_grammar(const model::Model& model, const OpenAiRequest& request,
                           const ReplySplitter::Options& splitting);

}  // namespace fabula::server
