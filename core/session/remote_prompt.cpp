#include "core/session/remote_prompt.h"

#include <nlohmann/json.hpp>

namespace fabula::session {

namespace {

// What a model thought before its answer is not said back to it: servers count it as part of the answer.
std::string_view without_reasoning(std::string_view text) {
  constexpr std::string_view begin = "<think>", end = "</think>";
  if (!text.starts_with(begin)) return text;
  const size_t at = text.find(end);
  if (at == std::string_view::npos) return text;
  text.remove_prefix(at + end.size());
  while (text.starts_with('\n')) text.remove_prefix(1);
  return text;
}

std::string messages_of(const SessionView& view, const MessagePath& path) {
  OrderedJson messages = OrderedJson::array();
  if (!view.system.empty()) messages.push_back({{"role", "system"}, {"content", view.system}});
  for (const auto& message : path) {
    const bool reply = message->role == Role::assistant;
    const std::string_view words = reply ? without_reasoning(message->text) : std::string_view(message->text);
    if (!words.empty()) messages.push_back({{"role", role_name(message->role)}, {"content", words}});
  }
  return messages.empty() ? std::string() : dump_json(messages);
}

}  // namespace

Result<engine::RemoteRequest> remote_request(const SessionView& view, const MessagePath& path, const engine::SamplerSettings& sampler) {
  engine::RemoteRequest request;
  if (view.info.mode == Mode::chat)
    request.messages = messages_of(view, path);
  else
    request.prompt = story_text(path, {view.settings.memory, view.settings.note, view.settings.note_depth});
  if (request.messages.empty() && request.prompt.empty())
    return Error{ErrorCode::invalid_argument, "there is nothing to go on from yet"};
  const engine::SamplerSettings usual;
  const auto take = [](std::optional<double>& out, float value, float standard) {
    if (value != standard) out = static_cast<double>(value);
  };
  take(request.temperature, sampler.temperature, usual.temperature);
  take(request.top_p, sampler.top_p, usual.top_p);
  take(request.presence_penalty, sampler.presence_penalty, usual.presence_penalty);
  take(request.frequency_penalty, sampler.frequency_penalty, usual.frequency_penalty);
  return request;
}

}  // namespace fabula::session
