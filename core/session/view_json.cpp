#include "core/session/view_json.h"

#include <nlohmann/json.hpp>

#include "core/base/clock.h"

namespace fabula::session {

namespace {

OrderedJson text_or_null(const std::string& text) { return text.empty() ? OrderedJson() : OrderedJson(text); }

}  // namespace

OrderedJson info_json(const SessionInfo& info) {
  return {{"id", info.id},
          {"mode", mode_name(info.mode)},
          {"title", info.title},
          {"created_at", format_rfc3339(info.created_at)},
          {"updated_at", format_rfc3339(info.updated_at)},
          {"messages", info.message_count}};
}

OrderedJson message_json(const Message& message) {
  const MessageStats& stats = message.stats;
  OrderedJson numbers = {{"prompt_tokens", stats.prompt_tokens},
                         {"reused_tokens", stats.reused_tokens},
                         {"generated_tokens", stats.generated_tokens},
                         {"prompt_seconds", stats.prompt_seconds},
                         {"decode_seconds", stats.decode_seconds},
                         {"first_token_seconds", stats.first_token_seconds}};
  if (!stats.remote.empty()) numbers["remote"] = stats.remote;
  return {{"id", message.id},
          {"parent", text_or_null(message.parent)},
          {"role", role_name(message.role)},
          {"content", message.text},
          {"tokens", message.tokens},
          {"created_at", format_rfc3339(message.created_at)},
          {"finish_reason", text_or_null(message.finish_reason)},
          {"stats", std::move(numbers)}};
}

OrderedJson view_json(const SessionView& view) {
  OrderedJson document = info_json(view.info);
  document["system"] = view.system;
  document["messages"] = OrderedJson::array();
  for (const auto& message : view.path) document["messages"].push_back(message_json(*message));
  document["current"] = text_or_null(view.current);
  return document;
}

}  // namespace fabula::session
