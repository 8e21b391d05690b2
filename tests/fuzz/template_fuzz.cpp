// A chat template, read and rendered on a conversation that has a bit of everything. Limits are low, so that
// a slow template is a slow interpreter.
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/base/json.h"
#include "core/text/chat_template.h"

using namespace fabula;

namespace {

OrderedJson conversation() {
  auto json = parse_ordered_json(R"({"messages": [
      {"role": "system", "content": "Be brief.\n"},
      {"role": "user", "content": "  h\u00e9llo <|im_end|> \u4f60\u597d \ud83d\ude00 "},
      {"role": "assistant", "content": "", "tool_calls": [{"id": "call00001", "function": {"name": "f", "arguments": {"a": [1, 2.5, null]}}}]},
      {"role": "tool", "content": [{"type": "text", "text": "part"}]},
      {"role": "user", "content": "bye"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}],
    "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>", "n": 12345678901234567890, "x": -1.5, "no": null})",
                                 "conversation");
  return json ? *std::move(json) : OrderedJson::object();
}

bool covers_text(const text::Rendered& rendered) {
  size_t at = 0;
  for (const auto& range : rendered.from_input) {
    if (range.begin < at || range.end <= range.begin || range.end > rendered.text.size()) return false;
    at = range.end;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const OrderedJson variables = conversation();
  const auto parsed = text::ChatTemplate::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  text::TemplateLimits limits;
  limits.max_steps = 200'000;
  limits.max_output_bytes = size_t{1} << 20;
  limits.max_memory_bytes = size_t{8} << 20;
  const auto rendered = parsed->render(variables, 1741964966, limits);
  if (rendered && !covers_text(*rendered)) __builtin_trap();  // ranges sorted, inside the text, not empty
  return 0;
}
