// What the model is given to read, and what an act would make it read, said before it is done.
#include <algorithm>

#include "core/session/context_fit.h"
#include "core/session/host_impl.h"

namespace fabula::session {

namespace {

// Behind such a token a text may be taken up without its beginning.
bool ends_sentence(std::string_view token) {
  while (token.ends_with(' ')) token.remove_suffix(1);
  for (std::string_view end : {"\n", ".", "!", "?", "\"", "”", "。", "！", "？"})
    if (token.ends_with(end)) return true;
  return false;
}

constexpr int64_t least_read_for_a_rate = 32;  // tokens: below, the overhead of a step is measured

// Tokens per second of the newest reply that had to read something, else of the last second of work.
double reading_rate(const MessagePath& path, const engine::Metrics& metrics) {
  for (auto it = path.rbegin(); it != path.rend(); ++it) {
    const MessageStats& stats = (*it)->stats;
    const int64_t read = stats.prompt_tokens - stats.reused_tokens;
    if (read >= least_read_for_a_rate && stats.prompt_seconds > 0) return static_cast<double>(read) / stats.prompt_seconds;
  }
  return metrics.prefill_tokens_per_second;
}

std::shared_ptr<const Message> words(Role role, std::string text) {
  Message message;
  message.role = role;
  message.text = std::move(text);
  return std::make_shared<const Message>(std::move(message));
}

}  // namespace

Result<Context> HostService::Impl::whole_context(const LoadedModel& loaded, const SessionView& view,
                                                 const MessagePath& path) {
  const bool drops = view.settings.overflow == Overflow::drop_oldest;
  const int64_t limit = drops ? loaded.context - 1 - reply_room(view.settings, loaded.context) : 0;
  Context context;
  if (view.info.mode == Mode::chat) {
    FABULA_ASSIGN(context, fit_chat(path, limit, [&](size_t first) {
                    const MessagePath read(path.begin() + static_cast<std::ptrdiff_t>(first), path.end());
                    return chat_context(*loaded.model, view.system, read, view.info.created_at, view.settings.switches);
                  }));
  } else {
    const text::Tokenizer& tokenizer = *loaded.model->tokenizer;
    context = story_context(*loaded.model, path, [&](const Message& message) {
      const auto known = store->tokens_or_empty(view.info.id, message.id, tokenizer.fingerprint());
      return known.ok() ? *known : std::vector<int32_t>();
    }, StoryNotes{view.settings.memory, view.settings.note, view.settings.note_depth});
    fit_story(context, limit, [&](int32_t token) { return ends_sentence(tokenizer.token_bytes(token, false)); });
  }
  if (context.tokens.empty()) return nothing_there();
  return context;
}

Result<Context> HostService::Impl::context_of(const LoadedModel& loaded, const SessionView& view,
                                              const MessagePath& path) {
  FABULA_ASSIGN(Context context, whole_context(loaded, view, path));
  for (const Context::Fresh& read : context.fresh)
    if (const Status kept = store->keep_tokens(view.info.id, path[read.message]->id, loaded.model->tokenizer->fingerprint(), read.tokens);
        !kept.ok() && kept.error().code == ErrorCode::io)
      say(Notice::Kind::warning, kept.error().message);
  const auto size = static_cast<int64_t>(context.tokens.size());
  if (size >= loaded.context)
    return Error{ErrorCode::context_overflow, "the text so far is " + std::to_string(size) +
                                                  " tokens long, and the context holds " +
                                                  std::to_string(loaded.context) + ": nothing more fits"};
  return context;
}

Result<MessagePath> HostService::Impl::path_of(const SessionView& view, const std::string& leaf) {
  MessagePath path;
  for (std::string id = leaf; !id.empty();) {
    FABULA_ASSIGN(std::shared_ptr<const Message> message, store->message(view.info.id, id));
    id = message->parent;
    path.push_back(std::move(message));
  }
  std::reverse(path.begin(), path.end());
  return path;
}

// The path that the act would leave, for the reply after it.
Result<MessagePath> HostService::Impl::path_after(const SessionView& view, const Act& act) {
  MessagePath path = view.path;
  switch (act.kind) {
    case Act::Kind::reply:
    case Act::Kind::system: break;
    case Act::Kind::send:
      if (!act.text.empty()) path.push_back(words(Role::user, act.text));
      break;
    case Act::Kind::regenerate:
      if (!path.empty() && path.back()->role == Role::assistant) path.pop_back();
      break;
    case Act::Kind::edit: {
      FABULA_ASSIGN(const auto old, store->message(view.info.id, act.message));
      FABULA_ASSIGN(path, path_of(view, old->parent));
      path.push_back(words(old->role, act.text));
      break;
    }
    case Act::Kind::go: {
      FABULA_ASSIGN(const std::string leaf, store->branch_end(view.info.id, act.message, 0));
      FABULA_ASSIGN(path, path_of(view, leaf));
      break;
    }
  }
  return path;
}

Status HostService::Impl::begin_outlook(const std::string& session, const Act& act, const Promise<Outlook>& answer) {
  FABULA_ASSIGN(SessionView view, store->view(session));
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  FABULA_ASSIGN(const MessagePath path, path_after(view, act));
  if (act.kind == Act::Kind::system) view.system = act.text;
  FABULA_ASSIGN(Context context, whole_context(*loaded, view, path));
  Outlook outlook;
  outlook.prompt_tokens = static_cast<int64_t>(context.tokens.size());
  outlook.whole_tokens = std::max(context.whole_tokens, outlook.prompt_tokens);
  outlook.context = loaded->context;
  outlook.dropped_messages = context.dropped_messages;
  outlook.next_messages = context.next_messages;
  outlook.fits = outlook.prompt_tokens < outlook.context;
  const double rate = reading_rate(view.path, engine.metrics());
  engine.look_up(models[static_cast<size_t>(view.info.mode)].id, std::move(context.tokens),
                 [outlook, rate, answer](int64_t stored) mutable {
                   outlook.stored_tokens = std::clamp<int64_t>(stored, 0, outlook.prompt_tokens);
                   const auto left = static_cast<double>(outlook.prompt_tokens - outlook.stored_tokens);
                   outlook.seconds = rate > 0 ? left / rate : 0;
                   answer->set_value(outlook);  // on the engine's thread: the service may be closing by now
                 });
  return {};
}

}  // namespace fabula::session
