// Texts of other processes that belong to no session: read and written beside the sessions' replies.
#include "core/session/host_impl.h"

namespace fabula::session {

bool fits(const engine::ModelLoad& loaded, const engine::ModelLoad& asked) {
  std::error_code absent;
  return std::filesystem::equivalent(loaded.path, asked.path, absent) && loaded.precision == asked.precision &&
         loaded.kv_precision == asked.kv_precision && loaded.context == asked.context && loaded.device == asked.device &&
         (asked.threads == 0 || loaded.threads == asked.threads);
}

Status HostService::Impl::begin_text(TextRequest asked, const Promise<TextReply>& answer) {
  engine::GenerateRequest request;
  for (const auto& [id, load] : loaded_models)
    if (engine.loaded_or_null(id) && fits(load, asked.model)) request.model = id;
  if (request.model == 0)
    return Error{ErrorCode::not_found, "the model is not loaded here, or not with these settings"};
  request.prompt = std::move(asked.prompt);
  request.sampler = asked.sampler;
  request.seed = asked.seed;
  request.max_tokens = asked.max_tokens;
  request.stop = std::move(asked.stop);
  const engine::ModelId model = request.model;
  FABULA_ASSIGN(const engine::RequestId id, engine.submit(std::move(request), *consumer));
  texts.emplace(id, Text{std::move(asked.id), model, {}, answer});
  return {};
}

bool HostService::Impl::on_text_event(const engine::Event& event) {
  using Kind = engine::Event::Kind;
  const auto found = texts.find(event.request);
  if (found == texts.end()) return false;
  Text& text = found->second;
  if (event.kind == Kind::token) text.reply.tokens.push_back(event.token);
  if (event.text_bytes > 0) {
    const std::string_view piece(event.text, event.text_bytes);
    text.reply.text += piece;
    for (const auto& [id, follower] : followers) follower("", text.id, piece);
  }
  if (event.kind != Kind::finished) return true;
  text.reply.reason = event.reason;
  text.reply.prompt = event.prompt;
  text.reply.decode = event.decode;
  const Text done = std::move(text);
  texts.erase(found);
  retire_unwanted();
  shown_changed = true;
  if (event.reason == engine::FinishReason::error)
    done.answer->set_value(consumer->take_error(event.request));
  else
    done.answer->set_value(done.reply);
  return true;
}

void HostService::Impl::cancel_text(const std::string& id) {
  for (const auto& [request, text] : texts)
    if (text.id == id) engine.cancel(request);
}

// ---- the door ----

Answer<TextReply> HostService::generate(TextRequest request) {
  return impl_->ask_later<TextReply>([impl = impl_.get(), request = std::move(request)](auto promise) mutable {
    if (const Status begun = impl->begin_text(std::move(request), promise); !begun.ok()) promise->set_value(begun.error());
  });
}

void HostService::cancel_text(std::string id) {
  impl_->post([impl = impl_.get(), id = std::move(id)] { impl->cancel_text(id); });
}

}  // namespace fabula::session
