#include "core/session/prompt.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "core/text/template_request.h"

namespace fabula::session {

namespace {

std::string token_text_or_empty(const text::Tokenizer& tokenizer, text::TokenId id) {
  return id < 0 ? std::string() : std::string(tokenizer.token_text_or_empty(id));
}

}  // namespace

int64_t local_seconds() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return static_cast<int64_t>(timegm(&local));
}

Result<std::vector<int32_t>> chat_prompt(const model::Model& model, const OrderedJson& messages, const OrderedJson& more,
                                         int64_t now_local_seconds) {
  if (!model.chat_template) return Error{ErrorCode::unsupported, model.chat_template_error};
  const text::Tokenizer& tokenizer = *model.tokenizer;
  OrderedJson input = more.is_object() ? more : OrderedJson::object();
  input["messages"] = messages;
  text::TemplateRequest request;
  request.bos_token = token_text_or_empty(tokenizer, tokenizer.bos_or_negative());
  request.eos_token = token_text_or_empty(tokenizer, tokenizer.eos_or_negative());
  FABULA_ASSIGN(const OrderedJson variables, text::template_request(std::move(input), request));
  FABULA_ASSIGN(const text::Rendered rendered, model.chat_template->render(variables, now_local_seconds));
  std::vector<text::TextRange> plain;
  plain.reserve(rendered.from_input.size());
  for (const text::Provenance& range : rendered.from_input) plain.push_back({range.begin, range.end});
  return tokenizer.encode_with_plain_ranges(rendered.text, plain, /*add_special=*/false);
}

}  // namespace fabula::session
