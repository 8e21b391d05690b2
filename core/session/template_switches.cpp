#include "core/session/template_switches.h"

#include <array>
#include <nlohmann/json.hpp>

#include "core/base/json.h"

namespace fabula::session {

namespace {

// As the families call it: Qwen 3 and its kin, DeepSeek and Granite, GLM and others.
constexpr std::array<const char*, 5> known_names = {"enable_thinking", "thinking", "enable_reasoning", "reasoning", "clear_thinking"};

// A short conversation with reasoning in an earlier turn, for templates that decide on keeping it. "" on an error.
std::string sample(const text::ChatTemplate& chat_template, const char* name, std::optional<bool> on) {
  OrderedJson variables = OrderedJson::object();
  variables["bos_token"] = variables["eos_token"] = "";
  variables["add_generation_prompt"] = true;
  if (on) variables[name] = *on;
  variables["messages"] = OrderedJson::array();
  for (const auto& [role, content] : {std::pair{"user", "a"}, {"assistant", "<think>b</think>c"}, {"user", "d"}})
    variables["messages"].push_back({{"role", role}, {"content", content}});
  const auto rendered = chat_template.render(variables, 0);
  return rendered.ok() ? rendered->text : "";
}

}  // namespace

TemplateSwitches switches_of(const text::ChatTemplate& chat_template) {
  TemplateSwitches out;
  for (const char* name : known_names) {
    const std::string on = sample(chat_template, name, true), off = sample(chat_template, name, false);
    if (on.empty() || off.empty() || on == off) continue;
    out[name] = sample(chat_template, name, std::nullopt) == on;
  }
  return out;
}

}  // namespace fabula::session
