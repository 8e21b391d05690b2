// Sending, regenerating, continuing, editing: from a session's path to a request, and from its end to a
// finished message.
#include <algorithm>

#include "core/base/build_info.h"
#include "core/base/clock.h"
#include "core/model/library.h"
#include "core/session/defaults.h"
#include "core/session/host_impl.h"

namespace fabula::session {

namespace {

// Words typed within this time of the last ones are the same step of undo.
constexpr double typing_pause_seconds = 2;

MessagePath up_to(const MessagePath& path, size_t count) {
  return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(count)};
}

bool is_reply(const Message& message) {
  return message.role == Role::assistant;
}

bool was_cut_short(const Message& message) {
  return message.finish_reason == "interrupted" || message.finish_reason == "cancelled" ||
         message.finish_reason == "error" || message.finish_reason == "partial";
}

Error nothing_there() {
  return {ErrorCode::invalid_argument, "there is nothing to go on from yet"};
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
  if (loading.contains(newest_load[static_cast<size_t>(mode)])) return Error{ErrorCode::busy, "the model is still being loaded"};
  return Error{ErrorCode::unsupported, "no model is loaded: choose one first"};
}

FindMessage HostService::Impl::finder(const std::string& session) {
  return [this, session](const std::string& id) -> const Message* {
    const auto found = store->message(session, id);
    return found.ok() ? found->get() : nullptr;  // the tree keeps it alive
  };
}

Result<Context> HostService::Impl::context_of(const LoadedModel& loaded, const SessionView& view,
                                          const MessagePath& path) {
  Context context;
  if (view.info.mode == Mode::chat) {
    FABULA_ASSIGN(context, chat_context(*loaded.model, view.system, path, view.info.created_at));
  } else {
    context = story_context(*loaded.model, path, [&](const Message& message) {
      const auto known =
          store->tokens_or_empty(view.info.id, message.id, loaded.model->tokenizer->fingerprint());
      return known.ok() ? *known : std::vector<int32_t>();
    }, StoryNotes{view.settings.memory, view.settings.note, view.settings.note_depth});
  }
  if (context.tokens.empty()) return nothing_there();
  const auto size = static_cast<int64_t>(context.tokens.size());
  if (size >= loaded.context)
    return Error{ErrorCode::context_overflow, "the text so far is " + std::to_string(size) +
                                                  " tokens long, and the context holds " +
                                                  std::to_string(loaded.context) + ": nothing more fits"};
  return context;
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
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  Message user;
  user.id = make_uuid_v7();
  user.parent = view.current;
  user.role = Role::user;
  user.text = std::move(text);
  user.created_at = unix_milliseconds();
  MessagePath path = view.path;
  path.push_back(std::make_shared<const Message>(user));
  FABULA_ASSIGN(Context context, context_of(*loaded, view, path));
  user.tokens = std::move(context.last_tokens);
  user.tokenizer = user.tokens.empty() ? "" : loaded->model->tokenizer->fingerprint();
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
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  MessagePath path = is_reply(*view.path.back()) ? up_to(view.path, view.path.size() - 1) : view.path;
  FABULA_ASSIGN(Context context, context_of(*loaded, view, path));
  const Status started =
      start_reply(view, path, std::move(context.tokens), options, /*joined=*/false, answer);
  publish(session);
  return started;
}

Status HostService::Impl::begin_continue(const std::string& session, const ReplyOptions& options,
                                     const Promise<Message>& answer) {
  FABULA_TRY(check_idle(session));
  FABULA_ASSIGN(const SessionView view, store->view(session));
  const bool chat = view.info.mode == Mode::chat;
  if (chat && view.path.empty()) return nothing_there();
  const bool same_message =
      !view.path.empty() && is_reply(*view.path.back()) && (chat || was_cut_short(*view.path.back()));
  Status started;
  if (same_message) {
    started = continue_message(view, options, answer);
  } else {
    FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
    FABULA_ASSIGN(Context context, context_of(*loaded, view, view.path));
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
  describe_prompt(receipt, start.prompt, path, finder(view.info.id));
  return start;
}

Status HostService::Impl::start_reply(const SessionView& view, const MessagePath& path,
                                      std::vector<int32_t> prompt, const ReplyOptions& options, bool joined,
                                      const Promise<Message>& answer) {
  FABULA_ASSIGN(Start start, new_reply(view, path, std::move(prompt), options));
  start.joined = joined;
  return this->start(view, std::move(start), answer);
}

namespace {

// How a reply is taken up again: with the seed and settings that were in force at its end.
struct InForce {
  uint64_t seed;
  engine::SamplerSettings sampler;
};

InForce in_force(const Receipt& receipt) {
  if (receipt.continuations.empty()) return {receipt.seed, receipt.sampler};
  return {receipt.continuations.back().seed, receipt.continuations.back().sampler};
}

// Text that might have become a stop string was held back when the reply was cut: its tokens are written
// again (the same ones, for randomness goes by position), so that a stop string across the cut is still
// found.
size_t tokens_to_repeat(const Receipt& receipt) {
  size_t longest = 0;
  for (const std::string& stop : receipt.stop) longest = std::max(longest, stop.size());
  return longest;
}

}  // namespace

Status HostService::Impl::continue_message(const SessionView& view, const ReplyOptions& options,
                                       const Promise<Message>& answer) {
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  const model::Model& model = *loaded->model;
  const Message& old = *view.path.back();
  if (!old.receipt)
    return Error{ErrorCode::invalid_argument,
                 "this reply was not written by a model, so nothing says how it would go on: regenerate it"};
  if (old.receipt->model_fingerprint != model.info.fingerprint ||
      old.receipt->numerics_id != loaded->executor.numerics_id)
    return Error{ErrorCode::unsupported,
                 "this reply was begun by another model or precision: load that one to go on, or regenerate "
                 "the reply"};
  FABULA_ASSIGN(Start start, ([&]() -> Result<Start> {
                  Start made;
                  FABULA_ASSIGN(made.prompt, prompt_of(*old.receipt, finder(view.info.id)));
                  return made;
                }()));
  start.message = old;
  start.before = old;
  Message& reply = start.message;
  Receipt& receipt = *reply.receipt;
  const bool cut_short = was_cut_short(old);
  const bool at_end_token =
      !reply.tokens.empty() && std::find(model.end_tokens.begin(), model.end_tokens.end(),
                                         reply.tokens.back()) != model.end_tokens.end();
  if (at_end_token) reply.tokens.pop_back();
  if (cut_short) {
    const size_t drawn = reply.tokens.size() - std::min(reply.tokens.size(), static_cast<size_t>(receipt.given));
    reply.tokens.resize(reply.tokens.size() - std::min(drawn, tokens_to_repeat(receipt)));
  }

  // The same words that would have come; another seed only where one was asked for, or where the old one ends
  // the reply.
  const InForce old_force = in_force(receipt);
  InForce force = old_force;
  if (options.seed)
    force.seed = *options.seed;
  else if (at_end_token)
    force.seed = draw_seed();
  if (options.sampler) force.sampler = *options.sampler;
  const auto n_tokens = static_cast<int64_t>(reply.tokens.size());
  // Mirostat's controller begins anew with each request, so that the receipt has to say where.
  const bool new_controller = force.sampler.mirostat != 0 && n_tokens > 0;
  // A reply that ended by itself and goes on past that end: stop strings are looked for anew from there.
  const bool past_its_end = !cut_short && !receipt.stop.empty();
  if (force.seed != old_force.seed || !same_sampler(force.sampler, old_force.sampler) || new_controller ||
      past_its_end)
    receipt.continuations.push_back({n_tokens, force.seed, force.sampler});
  start.seed = force.seed;
  start.sampler = force.sampler;
  const int64_t left = receipt.max_tokens > 0 ? receipt.max_tokens - n_tokens : 0;
  const bool use_what_is_left = cut_short && !options.max_tokens && (receipt.max_tokens <= 0 || left > 0);
  start.max_tokens = use_what_is_left ? left : options.max_tokens.value_or(view.settings.max_tokens);
  receipt.max_tokens = start.max_tokens > 0 ? n_tokens + start.max_tokens : 0;

  reply.text = decode_continuing(model.tokenizer, start.prompt, reply.tokens);
  start.prompt.insert(start.prompt.end(), reply.tokens.begin(), reply.tokens.end());
  FABULA_ASSIGN(const bool is_followed, store->has_followers(view.info.id, old.id));
  if (is_followed) {
    // What was said after it was said to the shorter reply: the longer one becomes an alternative.
    reply.id = make_uuid_v7();
    reply.created_at = unix_milliseconds();
    start.before.reset();
  }
  return this->start(view, std::move(start), answer);
}

// The kept ids and the chosen one are the reply's own, but nobody drew them: the receipt counts them as given.
Status HostService::Impl::begin_branch(const std::string& session, const std::string& message, int64_t keep,
                                       int32_t token, const ReplyOptions& options,
                                       const Promise<Message>& answer) {
  FABULA_TRY(check_idle(session));
  FABULA_ASSIGN(const SessionView view, store->view(session));
  FABULA_ASSIGN(const std::shared_ptr<const Message> old, store->message(session, message));
  FABULA_ASSIGN(const auto loaded, ready_model(view.info.mode));
  const model::Model& model = *loaded->model;
  if (!is_reply(*old) || old->tokens.empty())
    return Error{ErrorCode::invalid_argument, "only a model's reply has other words to choose from"};
  if (old->tokenizer != model.tokenizer->fingerprint())
    return Error{ErrorCode::unsupported, "this reply was written by a model with another tokenizer: load that one first"};
  if (keep < 0 || keep > static_cast<int64_t>(old->tokens.size()) || token < 0 ||
      token >= model.tokenizer->vocab_size())
    return Error{ErrorCode::invalid_argument, "this reply has no such place, or the model no such token"};
  MessagePath path;
  for (std::string id = old->parent; !id.empty(); id = path.back()->parent) {
    FABULA_ASSIGN(auto above, store->message(session, id));
    path.push_back(std::move(above));
  }
  std::reverse(path.begin(), path.end());
  // What the model read then, where it is known: a system prompt that changed since does not change it.
  std::vector<int32_t> prompt;
  if (auto known = old->receipt ? prompt_of(*old->receipt, finder(session)) : std::vector<int32_t>(); known.ok())
    prompt = *std::move(known);
  if (prompt.empty()) {
    FABULA_ASSIGN(Context context, context_of(*loaded, view, path));
    prompt = std::move(context.tokens);
  }
  FABULA_ASSIGN(Start start, new_reply(view, path, std::move(prompt), options));
  Message& reply = start.message;
  reply.tokens.assign(old->tokens.begin(), old->tokens.begin() + static_cast<std::ptrdiff_t>(keep));
  reply.tokens.push_back(token);
  reply.receipt->given = keep + 1;
  reply.alternatives = old->alternatives;  // up to the chosen place they are the same ones
  reply.alternatives.resize(std::min(reply.alternatives.size(), reply.tokens.size()));
  if (start.max_tokens > 0) reply.receipt->max_tokens = keep + 1 + start.max_tokens;
  reply.text = decode_continuing(model.tokenizer, start.prompt, reply.tokens);
  Status done;
  if (std::find(model.end_tokens.begin(), model.end_tokens.end(), token) != model.end_tokens.end()) {
    reply.finish_reason = "stop";  // the chosen token ends the reply
    FABULA_TRY(store->append(session, reply));
    answer->set_value(reply);
  } else {
    start.prompt.insert(start.prompt.end(), reply.tokens.begin(), reply.tokens.end());
    done = this->start(view, std::move(start), answer);
  }
  publish(session);
  return done;
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
  retire_unused();
  answer->set_value(std::move(result));
}

void HostService::Impl::stop_now(const std::string& session) {
  const auto is_of_session = [&](const auto& entry) { return entry.second.session == session; };
  if (std::find_if(running.begin(), running.end(), is_of_session) == running.end()) return;
  while (handle_events()) {
  }
  const auto found = std::find_if(running.begin(), running.end(), is_of_session);
  if (found == running.end()) return;
  engine.cancel(found->first);
  Running reply = std::move(found->second);
  running.erase(found);
  reply.message.stats.generated_tokens = static_cast<int64_t>(reply.message.tokens.size());
  finish(std::move(reply), engine::FinishReason::cancelled, std::nullopt);
}

// ---- moves ----

Status HostService::Impl::edit(const std::string& session, const std::string& message, const std::string& text) {
  FABULA_ASSIGN(const SessionView view, store->view(session));
  FABULA_ASSIGN(const std::shared_ptr<const Message> old, store->message(session, message));
  if (old->text == text) return {};
  Message edited;
  edited.id = make_uuid_v7();
  edited.parent = old->parent;
  edited.role = old->role;
  edited.text = text;
  edited.created_at = unix_milliseconds();
  // Without a model the words are kept, and tokenised when a model reads them.
  if (const auto loaded = ready_model(view.info.mode); loaded.ok() && !text.empty()) {
    const text::Tokenizer& tokenizer = *(*loaded)->model->tokenizer;
    const bool at_start = view.info.mode == Mode::story && old->parent.empty();
    edited.tokens = encode_edited(tokenizer, text, *old, at_start);
    edited.tokenizer = edited.tokens.empty() ? "" : tokenizer.fingerprint();
  }
  return store->append(session, edited);
}

Result<bool> HostService::Impl::edit_page(const std::string& session, const std::string& current,
                                      const std::vector<PageEdit>& edits) {
  FABULA_ASSIGN(const SessionView view, store->view(session));
  if (view.info.mode != Mode::story)
    return Error{ErrorCode::invalid_argument, "only a story is edited as one page"};
  if (view.current != current) return Error{ErrorCode::invalid_argument, "the page has changed meanwhile"};
  const auto loaded = ready_model(view.info.mode);
  const text::Tokenizer* tokenizer = loaded.ok() ? (*loaded)->model->tokenizer.get() : nullptr;
  const auto encode = [tokenizer](std::string_view text, const Message* old, bool at_start) {
    return tokenizer ? encode_edited(*tokenizer, text, old ? *old : Message(), at_start) : std::vector<int32_t>();
  };
  FABULA_ASSIGN(const PageRevision revision, revise_page(view.path, edits, encode, tokenizer ? tokenizer->fingerprint() : "",
                                                         unix_milliseconds()));
  if (!revision.added.empty() || revision.current != view.current) FABULA_TRY(check_idle(session));
  const double now = monotonic_seconds();
  const auto before = page_edited_at.find(session);
  const bool grow = before != page_edited_at.end() && now - before->second < typing_pause_seconds;
  auto made = store->revise(session, revision, grow);
  page_edited_at[session] = now;
  return made;
}

// The words go first, and are gone when this returns; the KV files follow before the answer does.
void HostService::Impl::purge(const std::string& session, Promise<void> answer) {
  stop_now(session);
  std::vector<engine::Engine::ReadText> texts;
  if (const auto versions = store->all_versions(session); versions.ok()) {
    std::unordered_map<std::string, const Message*> by_id;
    for (const auto& message : *versions) by_id.emplace(message->id, message.get());
    const FindMessage find = [&](const std::string& id) {
      const auto found = by_id.find(id);
      return found == by_id.end() ? nullptr : found->second;
    };
    for (const auto& message : *versions) {
      if (!message->receipt) continue;
      auto read = prompt_of(*message->receipt, find);
      if (!read.ok()) continue;  // of a damaged or imported receipt: nothing says what was read
      read->insert(read->end(), message->tokens.begin(), message->tokens.end());
      texts.push_back({message->receipt->model_fingerprint, message->receipt->numerics_id, *std::move(read)});
    }
  }
  open_views.erase(session);
  snapshots.set_view(session, nullptr);
  const Status purged = store->purge(session);
  publish_sessions();
  engine.forget(texts, [answer, purged] { answer->set_value(purged); });
}

Status HostService::Impl::rollback_last_exchange(const std::string& session) {
  FABULA_ASSIGN(const SessionView view, store->view(session));
  if (view.path.empty()) return nothing_there();
  size_t keep = view.path.size();
  if (view.info.mode == Mode::chat) {
    while (keep > 0 && view.path[keep - 1]->role != Role::user) --keep;
    keep = keep > 0 ? keep - 1 : 0;
  } else {
    // The last part of the page, with the words that it was asked for with.
    --keep;
    if (is_reply(*view.path.back()) && keep > 0 && view.path[keep - 1]->role == Role::user) --keep;
  }
  return store->set_current(session, keep > 0 ? view.path[keep - 1]->id : "");
}

}  // namespace fabula::session
