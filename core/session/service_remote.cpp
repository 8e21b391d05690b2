// Replies of models elsewhere: asked for as text, kept as text, with the counts that the server tells.
#include <algorithm>

#include "core/base/clock.h"
#include "core/session/host_impl.h"
#include "core/session/remote_prompt.h"

namespace fabula::session {

namespace {

Result<engine::RemoteEngine> engine_of(const Places& places, const engine::RemoteName& name) {
  FABULA_ASSIGN(engine::RemoteEndpoint endpoint, engine::find_remote(places, name.endpoint));
  FABULA_ASSIGN(std::string key, engine::remote_key(places, name.endpoint));
  return engine::RemoteEngine(std::move(endpoint), std::move(key));
}

Status find_model(const Places& places, const engine::RemoteName& name, const std::atomic<bool>& cancel) {
  if (name.model.empty()) return Error{ErrorCode::invalid_argument, "a model elsewhere is named remote:NAME/model"};
  FABULA_ASSIGN(engine::RemoteEngine remote, engine_of(places, name));
  FABULA_ASSIGN(const std::vector<std::string> models, remote.models(&cancel));
  if (std::ranges::find(models, name.model) != models.end()) return {};
  return Error{ErrorCode::not_found, name.endpoint + " has no model called " + name.model};
}

std::string remote_name(const engine::RemoteName& name) { return "remote:" + name.endpoint + "/" + name.model; }

}  // namespace

// ---- choosing one ----

void HostService::Impl::connect_remote(Mode mode, const engine::ModelLoad& load, engine::RemoteName name, Promise<ModelState> answer) {
  const auto index = static_cast<size_t>(mode);
  const engine::RequestId serial = next_remote++;
  newest_load[index] = serial;
  ModelState shown = models[index];
  shown.phase = ModelState::Phase::loading;
  shown.progress = 0;
  shown.path = load.path.string();
  shown.name = remote_name(name);
  shown.error.clear();
  snapshots.set_model(mode, std::move(shown));
  shown_changed = true;
  connecting[index] = calls->run([this, mode, serial, load, name = std::move(name), answer](const std::atomic<bool>& cancel) {
    Status found = find_model(options.places, name, cancel);
    post([this, mode, serial, load, found = std::move(found), answer] { on_connected(mode, serial, load, found, answer); });
  });
}

void HostService::Impl::on_connected(Mode mode, engine::RequestId serial, const engine::ModelLoad& load, const Status& found,
                                     const Promise<ModelState>& answer) {
  const auto index = static_cast<size_t>(mode);
  if (newest_load[index] == serial) connecting[index] = nullptr;
  if (newest_load[index] != serial)
    return answer->set_value(Error{ErrorCode::cancelled, "another model was chosen meanwhile"});
  if (!found.ok()) {
    show_failed_load(mode, load, found.error(), /*cpu_can_take_over=*/false);
    return answer->set_value(found.error());
  }
  ModelState state;
  state.phase = ModelState::Phase::ready;
  state.progress = 1;
  state.path = state.name = load.path.string();
  state.has_chat_template = true;  // the server's
  state.device = "remote";
  state.remote = true;
  models[index] = state;
  model_loads[index] = load;
  snapshots.set_model(mode, state);
  shown_changed = true;
  publish_residents();
  answer->set_value(std::move(state));
}

// ---- a reply ----

Status HostService::Impl::start_remote(const SessionView& view, const MessagePath& path, const ReplyOptions& chosen, bool joined,
                                       const Promise<Message>& answer) {
  const std::string model = models[static_cast<size_t>(view.info.mode)].path;
  const auto name = engine::remote_name_or_none(model);
  if (!name) return Error{ErrorCode::internal, "no model elsewhere is chosen"};
  if (!chosen.rules.value_or(view.settings.grammar).empty())
    return Error{ErrorCode::unsupported, "a model elsewhere cannot be held to a grammar: its server alone decides on its words"};
  FABULA_ASSIGN(engine::RemoteRequest request, remote_request(view, path, sampler_of(view, chosen)));
  request.model = name->model;
  request.seed = chosen.seed ? chosen.seed : view.settings.seed;
  const int64_t max_tokens = chosen.max_tokens.value_or(view.settings.max_tokens);
  if (max_tokens > 0) request.max_tokens = max_tokens;
  request.stop = chosen.stop.empty() ? view.settings.stop : chosen.stop;

  Running reply;
  reply.session = view.info.id;
  reply.message.id = make_uuid_v7();
  reply.message.parent = path.empty() ? "" : path.back()->id;
  reply.message.role = Role::assistant;
  reply.message.created_at = unix_milliseconds();
  reply.message.finish_reason = "partial";
  reply.message.stats.remote = model;
  reply.answer = answer;
  reply.asked_at = reply.flushed_at = monotonic_seconds();
  FABULA_TRY(store->append(reply.session, reply.message, joined));
  if (const Status noted = store->set_model(reply.session, model, model, ""); !noted.ok()) say(Notice::Kind::warning, noted.error().message);

  const engine::RequestId id = next_remote++;
  reply.remote = calls->run([this, id, name = *name, request = std::move(request)](const std::atomic<bool>& cancel) {
    auto remote = engine_of(options.places, name);
    if (!remote.ok()) return post([this, id, error = remote.error()] { on_remote_end(id, error); });
    const auto on_text = [this, id](std::string_view piece) {
      post([this, id, text = std::string(piece)] { on_remote_text(id, text); });
    };
    auto ended = remote->generate(request, on_text, &cancel);
    post([this, id, ended = std::move(ended)]() mutable { on_remote_end(id, std::move(ended)); });
  });
  publish_live(reply);
  running.emplace(id, std::move(reply));
  return {};
}

void HostService::Impl::on_remote_text(engine::RequestId request, std::string_view piece) {
  const auto found = running.find(request);
  if (found == running.end()) return;  // stopped meanwhile
  Running& reply = found->second;
  if (reply.first_token_at == 0) reply.first_token_at = monotonic_seconds();
  reply.message.text += piece;
  reply.changed = true;
  for (const auto& [id, follower] : followers) follower(reply.session, reply.message.id, piece);
  publish_live(reply);
}

void HostService::Impl::on_remote_end(engine::RequestId request, Result<engine::RemoteReply> ended) {
  auto node = running.extract(request);
  if (node.empty()) return;
  Running& reply = node.mapped();
  MessageStats& stats = reply.message.stats;
  const double now = monotonic_seconds(), first = reply.first_token_at > 0 ? reply.first_token_at : now;
  stats.first_token_seconds = first - reply.asked_at;
  stats.decode_seconds = now - first;
  if (!ended.ok()) {
    const bool stopped = ended.error().code == ErrorCode::cancelled;
    return finish(std::move(reply), stopped ? engine::FinishReason::cancelled : engine::FinishReason::error,
                  stopped ? std::nullopt : std::optional<Error>(ended.error()));
  }
  stats.prompt_tokens = ended->prompt_tokens.value_or(0);
  stats.generated_tokens = ended->reply_tokens.value_or(0);
  if (!ended->reasoning.empty()) reply.message.text = "<think>\n" + ended->reasoning + "\n</think>\n\n" + ended->text;
  finish(std::move(reply), ended->finish_reason == "length" ? engine::FinishReason::length : engine::FinishReason::stop, std::nullopt);
}

void HostService::Impl::cancel_reply(engine::RequestId request, const Running& reply) {
  if (reply.remote)
    *reply.remote = true;
  else
    engine.cancel(request);
}

}  // namespace fabula::session
