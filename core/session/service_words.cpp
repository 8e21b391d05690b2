// Sending and regenerating: from a session's path to a request, and from its end to a finished message.
#include <algorithm>

#include "core/base/build_info.h"
#include "core/base/clock.h"
#include "core/model/library.h"
#include "core/session/defaults.h"
#include "core/session/host_impl.h"
#include "core/session/reply_rules.h"

namespace fabula::session {

namespace {

MessagePath up_to(const MessagePath& path, size_t count) {
  return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

// ---- what a request needs ----

Status HostService::Impl::check_idle(const std::string& session) const {
  for (const auto& [request, reply] : running)
    if (reply.session == session)
      return Error{ErrorCode::busy, "a reply is being written in this session: stop it first"};
  return {};
}

Result<std::shared_ptr<const engine::Engine::LoadedModel>> HostService::Impl::ready_model(Mode mode) const {
  const ModelState& state = models[static_cast<size_t>(mode)];
  const auto loaded = engine.loaded_or_null(state.id);
  if (loaded) return loaded;
  if (is_remote(mode))
    return Error{ErrorCode::unsupported, state.name + " runs elsewhere and does not tell its tokens, which this needs: choose a model of this computer"};
  if (is_loading(mode)) return Error{ErrorCode::busy, "the model is still being loaded"};
  return Error{ErrorCode::unsupported, "no model is loaded: choose one first"};
}

FindMessage HostService::Impl::finder(const std::string& session) {
  return [this, session](const std::string& id) -> const Message* {
    const auto found = store->message(session, id);
    return found.ok() ? found->get() : nullptr;  // the tree keeps it alive
  };
}

Result<Context> HostService::Impl::prompt_for(const SessionView& view, const MessagePath& path) {
  if (is_remote(view.info.mode)) return Context();
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  return context_of(*loaded, view, path);
}

engine::SamplerSettings HostService::Impl::sampler_of(const SessionView& view,
                                                  const ReplyOptions& options) const {
  return options.sampler ? *options.sampler : shown_sampler(view.info.mode, view.settings.sampler);
}

// ---- the commands ----

Status HostService::Impl::begin_send(const std::string& session, std::string text, const ReplyOptions& options,
                                 const Promise<Message>& answer) {
  FABULA_TRY(check_idle(session));
  FABULA_ASSIGN(const SessionView view, store->view(session));
  if (text.empty()) {
    if (view.info.mode == Mode::story) return begin_continue(session, options, answer);
    return Error{ErrorCode::invalid_argument, "an empty message cannot be sent"};
  }
  Message user;
  user.id = make_uuid_v7();
  user.parent = view.current;
  user.role = Role::user;
  user.text = std::move(text);
  user.created_at = unix_milliseconds();
  MessagePath path = view.path;
  path.push_back(std::make_shared<const Message>(user));
  FABULA_ASSIGN(Context context, prompt_for(view, path));
  user.tokens = std::move(context.last_tokens);
  if (!user.tokens.empty()) {
    FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
    user.tokenizer = loaded->model->tokenizer->fingerprint();
  }
  path.back() = std::make_shared<const Message>(user);
  FABULA_TRY(store->append(session, user));
  if (const Status cleared = store->set_draft(session, ""); !cleared.ok())
    say(Notice::Kind::warning, cleared.error().message);
  const Status started = start_reply(view, path, std::move(context.tokens), options, /*joined=*/true, answer);
  publish(session);
  return started;
}

Status HostService::Impl::begin_regenerate(const std::string& session, const ReplyOptions& options,
                                       const Promise<Message>& answer) {
  FABULA_TRY(check_idle(session));
  FABULA_ASSIGN(const SessionView view, store->view(session));
  if (view.path.empty()) return nothing_there();
  MessagePath path = is_reply(*view.path.back()) ? up_to(view.path, view.path.size() - 1) : view.path;
  FABULA_ASSIGN(Context context, prompt_for(view, path));
  const Status started =
      start_reply(view, path, std::move(context.tokens), options, /*joined=*/false, answer);
  publish(session);
  return started;
}

// A story goes on in a new message where the numerics are others now: the words so far stay what they are.
bool HostService::Impl::is_of_ready_model(const SessionView& view) {
  const auto loaded = ready_model(view.info.mode);
  const auto& receipt = view.path.back()->receipt;
  return loaded.ok() && receipt && receipt->model_fingerprint == (*loaded)->model->info.fingerprint &&
         receipt->numerics_id == (*loaded)->executor.numerics_id;
}

Status HostService::Impl::begin_continue(const std::string& session, const ReplyOptions& options,
                                     const Promise<Message>& answer) {
  FABULA_TRY(check_idle(session));
  FABULA_ASSIGN(const SessionView view, store->view(session));
  const bool chat = view.info.mode == Mode::chat;
  if (chat && view.path.empty()) return nothing_there();
  const bool ends_in_reply = !view.path.empty() && is_reply(*view.path.back());
  if (chat && ends_in_reply && is_remote(view.info.mode))
    return Error{ErrorCode::unsupported, "a model elsewhere cannot go on in the middle of its reply: regenerate it, or ask it to go on"};
  const bool same_message = ends_in_reply && (chat || (was_cut_short(*view.path.back()) && is_of_ready_model(view)));
  Status started;
  if (same_message) {
    started = continue_message(view, options, answer);
  } else {
    FABULA_ASSIGN(Context context, prompt_for(view, view.path));
    started = start_reply(view, view.path, std::move(context.tokens), options, /*joined=*/false, answer);
  }
  publish(session);
  return started;
}

Result<HostService::Impl::Start> HostService::Impl::new_reply(const SessionView& view, const MessagePath& path,
                                                              std::vector<int32_t> prompt,
                                                              const ReplyOptions& options) {
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  Start start;
  start.seed = options.seed ? *options.seed : view.settings.seed ? *view.settings.seed : draw_seed();
  start.sampler = sampler_of(view, options);
  start.max_tokens = options.max_tokens.value_or(view.settings.max_tokens);
  start.prompt = std::move(prompt);
  Message& reply = start.message;
  reply.id = make_uuid_v7();
  reply.parent = path.empty() ? "" : path.back()->id;
  reply.role = Role::assistant;
  reply.tokenizer = loaded->model->tokenizer->fingerprint();
  reply.created_at = unix_milliseconds();
  Receipt& receipt = reply.receipt.emplace();
  receipt.model_fingerprint = loaded->model->info.fingerprint;
  receipt.numerics_id = loaded->executor.numerics_id;
  // Decides on nothing; helps to find a regression.
  receipt.build = "fabula " + std::string(version()) + " (" + std::string(build_description()) + ")";
  receipt.sampler = start.sampler;
  receipt.seed = start.seed;
  receipt.max_tokens = start.max_tokens;
  receipt.stop = options.stop.empty() ? view.settings.stop : options.stop;
  receipt.grammar = options.rules.value_or(view.settings.grammar);
  describe_prompt(receipt, start.prompt, path, finder(view.info.id));
  return start;
}

Status HostService::Impl::start_reply(const SessionView& view, const MessagePath& path,
                                      std::vector<int32_t> prompt, const ReplyOptions& options, bool joined,
                                      const Promise<Message>& answer) {
  if (is_remote(view.info.mode)) return start_remote(view, path, options, joined, answer);
  FABULA_ASSIGN(Start start, new_reply(view, path, std::move(prompt), options));
  start.joined = joined;
  return this->start(view, std::move(start), answer);
}

Status HostService::Impl::start(const SessionView& view, Start start, const Promise<Message>& answer) {
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  engine::GenerateRequest request;
  request.model = models[static_cast<size_t>(view.info.mode)].id;
  request.prompt = std::move(start.prompt);
  request.sampler = start.sampler;
  request.seed = start.seed;
  request.max_tokens = start.max_tokens;
  request.stop = start.message.receipt->stop;
  FABULA_ASSIGN(request.constraint, constraint_of(start.message.receipt->grammar, *loaded->vocabulary));
  request.begun = static_cast<int64_t>(start.message.tokens.size());
  request.priority = 1;
  request.top_logprobs = std::clamp(view.settings.alternatives, 0, max_alternatives);
  Running reply;
  reply.session = view.info.id;
  reply.message = std::move(start.message);
  reply.message.finish_reason = "partial";
  reply.before = std::move(start.before);
  reply.model = request.model;
  reply.answer = answer;
  reply.alternatives = request.top_logprobs;
  reply.tokens_before = static_cast<int64_t>(reply.message.tokens.size());
  reply.prompt_total = static_cast<int64_t>(request.prompt.size());
  reply.asked_at = reply.flushed_at = monotonic_seconds();
  FABULA_ASSIGN(const engine::RequestId id, engine.submit(std::move(request), *consumer));
  const Status saved = reply.before ? store->update_partial(reply.session, reply.message)
                                    : store->append(reply.session, reply.message, start.joined);
  if (!saved.ok()) {
    engine.cancel(id);
    return saved;
  }
  const model::ModelInfo& info = loaded->model->info;
  if (const Status noted =
          store->set_model(reply.session, info.path, model::model_name(info.path), info.fingerprint);
      !noted.ok())
    say(Notice::Kind::warning, noted.error().message);
  publish_live(reply);
  running.emplace(id, std::move(reply));
  return {};
}

// ---- the end of a reply ----

HostService::Impl::Running* HostService::Impl::running_or_null(const std::string& session) {
  for (auto& [request, reply] : running)
    if (reply.session == session) return &reply;
  return nullptr;
}

void HostService::Impl::finish(Running reply, engine::FinishReason reason, std::optional<Error> error) {
  reply.message.finish_reason = engine::finish_reason_name(reason);
  const Status saved =
      store->finish_message(reply.session, reply.message, reply.before ? &*reply.before : nullptr);
  const std::string session = reply.session;
  const auto answer = reply.answer;
  Result<Message> result = error        ? Result<Message>(*error)
                           : saved.ok() ? Result<Message>(reply.message)
                                        : Result<Message>(saved.error());
  if (error) say(Notice::Kind::error, error->message);
  if (saved.ok()) {
    snapshots.set_live(session, nullptr);
  } else {
    // It stays in memory and on the screen, and is tried again until the disk takes it.
    say(Notice::Kind::error, "The reply could not be saved yet: " + saved.error().message);
    unsaved_tried_at = monotonic_seconds();
    unsaved.push_back(std::move(reply));
  }
  publish(session);
  retire_unwanted();
  answer->set_value(std::move(result));
}

void HostService::Impl::stop_now(const std::string& session) {
  const auto is_of_session = [&](const auto& entry) { return entry.second.session == session; };
  if (std::find_if(running.begin(), running.end(), is_of_session) == running.end()) return;
  while (handle_events()) {
  }
  const auto found = std::find_if(running.begin(), running.end(), is_of_session);
  if (found == running.end()) return;
  cancel_reply(found->first, found->second);
  Running reply = std::move(found->second);
  running.erase(found);
  if (!reply.remote) reply.message.stats.generated_tokens = static_cast<int64_t>(reply.message.tokens.size());
  finish(std::move(reply), engine::FinishReason::cancelled, std::nullopt);
}


}  // namespace fabula::session
