// The service's thread: jobs from outside, events from the engine, and the clock of the flushes.
#include <algorithm>
#include <chrono>

#include "core/base/clock.h"
#include "core/session/host_impl.h"
#include "core/session/service_replay.h"

namespace fabula::session {

namespace {

constexpr size_t trees_kept = 16;  // of sessions that nobody looks at: who asks for one over HTTP will ask again
constexpr double flush_seconds = 0.2;  // the contract says at least every 250 ms
constexpr double retry_seconds = 1.0;  // after a disk that was full or read-only
constexpr int events_per_turn = 512;   // so that jobs are not starved while many replies stream

engine::EngineOptions engine_options(const Service::Options& options, decltype(engine::EngineOptions::make_room) make_room) {
  engine::EngineOptions out = options.engine;
  if (!out.log) out.log = options.log;
  if (out.kv_folder.empty()) out.kv_folder = options.places.kv_folder();
  if (out.fingerprint_folder.empty()) out.fingerprint_folder = options.places.fingerprint_folder();
  out.make_room = std::move(make_room);
  if (out.packed_folder.empty()) out.packed_folder = options.places.packed_folder();
  return out;
}

}  // namespace

HostService::Impl::Impl(Options given, HostLock held, std::unique_ptr<Store> opened)
    : options(std::move(given)),
      lock(std::move(held)),
      store(std::move(opened)),
      engine(engine_options(options, [this](const engine::Room& room, const std::atomic<bool>& cancel) { make_room(room, cancel); })) {
  consumer = engine.make_consumer([this] {
    if (engine_has_events.exchange(true)) return;
    const std::lock_guard guard(mutex);
    wakes.notify_one();
  });
  publish_sessions();
  thread = std::thread([this] { run(); });
}

HostService::Impl::~Impl() {
  {
    const std::lock_guard guard(mutex);
    closing = true;
    wakes.notify_one();
  }
  thread.join();
  no_more_room = true;
  { const std::lock_guard guard(room_mutex); }
  calls.reset();
  consumer.reset();
}

void HostService::Impl::post(std::function<void()> job) {
  const std::lock_guard guard(mutex);
  jobs.push_back(std::move(job));
  wakes.notify_one();
}

void HostService::Impl::wait_for_work() {
  std::unique_lock guard(mutex);
  const auto ready = [&] { return closing || !jobs.empty() || engine_has_events.load(); };
  if (!unsaved.empty())
    wakes.wait_for(guard, std::chrono::duration<double>(retry_seconds), ready);
  else if (std::any_of(running.begin(), running.end(),
                       [](const auto& entry) { return entry.second.changed; }))
    wakes.wait_for(guard, std::chrono::duration<double>(flush_seconds / 2), ready);
  else if (const auto idle = until_idle())
    wakes.wait_for(guard, std::chrono::duration<double>(*idle), ready);
  else
    wakes.wait(guard, ready);
}

void HostService::Impl::run() {
  for (;;) {
    std::deque<std::function<void()>> taken;
    bool last_turn = false;
    {
      const std::lock_guard guard(mutex);
      taken.swap(jobs);
      last_turn = closing && taken.empty();
    }
    for (auto& job : taken) job();
    if (!taken.empty())
      shown_changed = true;  // an answer came: whoever waits for it with the window's loop is woken too
    bool more = handle_events();
    flush_partials(false);
    retry_unsaved();
    more |= go_on_with_imports();
    more |= tidy();
    store->forget_others(trees_kept, [this](const std::string& session) { return open_views.contains(session) || running_or_null(session); });
    unload_idle();
    if (shown_changed && options.wake) options.wake();
    if (shown_changed && watcher.changed) watcher.changed();
    shown_changed = false;
    if (last_turn) break;
    if (!more) wait_for_work();
  }
  // What is being written stays as it is: the next start finds it and can go on with it.
  flush_partials(true);
  unsaved_tried_at = 0;
  retry_unsaved();
  for (auto& [request, reply] : running) {
    cancel_reply(request, reply);
    reply.answer->set_value(
        Error{ErrorCode::cancelled, "Fabula is closing; what was written so far is kept"});
  }
  for (const auto& purge : std::exchange(purges, {})) purge->end_part({});  // the next start goes on with it
  imports.clear();  // what has come in of them shows nowhere, and the next start takes it away
  if (replay) replay->answer->set_value(Error{ErrorCode::cancelled, "Fabula is closing"});
  for (auto& [request, text] : texts) text.answer->set_value(Error{ErrorCode::cancelled, "Fabula is closing"});
  running.clear();
  texts.clear();
  loading.clear();
  replay.reset();
}

// true: there may be more.
bool HostService::Impl::handle_events() {
  engine_has_events = false;
  std::set<engine::RequestId> touched;
  engine::Event event;
  int count = 0;
  for (; count < events_per_turn && consumer->poll(event); ++count) {
    using Kind = engine::Event::Kind;
    if (event.kind <= Kind::lost) {
      on_load_event(event);
      continue;
    }
    if (on_replay_event(event) || on_text_event(event)) continue;
    const auto found = running.find(event.request);
    if (found == running.end()) continue;  // stopped meanwhile
    Running& reply = found->second;
    switch (event.kind) {
      case Kind::prompt_progress: reply.prompt_done = event.tokens; break;
      case Kind::token:
      case Kind::text: on_token(reply, event); break;
      case Kind::finished: on_finished(event.request, event); continue;
      default: break;
    }
    touched.insert(event.request);
  }
  for (engine::RequestId request : touched)
    if (const auto found = running.find(request); found != running.end()) publish_live(found->second);
  return count == events_per_turn;
}

void HostService::Impl::on_token(Running& reply, const engine::Event& event) {
  Message& message = reply.message;
  if (event.kind == engine::Event::Kind::token) {
    if (reply.first_token_at == 0) reply.first_token_at = monotonic_seconds();
    if (reply.alternatives > 0) {
      const auto place = static_cast<int64_t>(message.tokens.size());
      message.alternatives.resize(message.tokens.size());
      message.alternatives.push_back(consumer->take_alternatives(event.request, place - reply.tokens_before));
    }
    message.tokens.push_back(event.token);
  }
  reply.changed = true;
  if (event.text_bytes == 0) return;
  const std::string_view piece(event.text, event.text_bytes);
  message.text += piece;
  for (const auto& [id, follower] : followers) follower(reply.session, message.id, piece);
}

void HostService::Impl::on_finished(engine::RequestId request, const engine::Event& event) {
  auto node = running.extract(request);
  Running& reply = node.mapped();
  MessageStats& stats = reply.message.stats;
  const double first = reply.first_token_at > 0 ? reply.first_token_at - reply.asked_at : 0;
  stats.prompt_tokens = event.prompt.tokens;
  stats.reused_tokens = event.prompt.reused;
  stats.prompt_seconds = event.prompt.seconds;
  stats.first_token_seconds = first;
  // A continued reply's time of writing is the sum; its prompt is that of the last request.
  stats.generated_tokens = static_cast<int64_t>(reply.message.tokens.size());
  stats.decode_seconds += event.decode.seconds;
  std::optional<Error> error;
  if (event.reason == engine::FinishReason::error) error = consumer->take_error(request);
  finish(std::move(reply), event.reason, std::move(error));
}

void HostService::Impl::flush_partials(bool all) {
  const double now = monotonic_seconds();
  for (auto& [request, reply] : running) {
    if (!reply.changed || (!all && now - reply.flushed_at < flush_seconds)) continue;
    reply.flushed_at = now;
    const Status status = store->update_partial(reply.session, reply.message);
    if (status.ok()) {
      reply.changed = false;
      reply.flush_failed = false;
    } else if (!std::exchange(reply.flush_failed, true)) {
      say(Notice::Kind::error, "The reply cannot be saved at the moment: " + status.error().message);
    }
  }
}

void HostService::Impl::retry_unsaved() {
  const double now = monotonic_seconds();
  if (unsaved.empty() || now - unsaved_tried_at < retry_seconds) return;
  unsaved_tried_at = now;
  std::vector<Running> waiting = std::exchange(unsaved, {});
  for (Running& reply : waiting) {
    const Status status =
        store->finish_message(reply.session, reply.message, reply.before ? &*reply.before : nullptr);
    if (!status.ok() && status.error().code != ErrorCode::not_found) {
      unsaved.push_back(std::move(reply));
      continue;
    }
    snapshots.set_live(reply.session, nullptr);
    publish(reply.session);
    if (status.ok()) say(Notice::Kind::info, "The reply that could not be saved is saved now.");
  }
}

void HostService::Impl::say(Notice::Kind kind, std::string text) {
  if (options.log) options.log->write(kind == Notice::Kind::error ? LogLevel::error : LogLevel::info, text);
  const Notice notice{kind, std::move(text), ""};
  if (watcher.noticed) watcher.noticed(notice);
  snapshots.add_notice(notice);
  shown_changed = true;
}

// ---- snapshots ----

void HostService::Impl::publish_sessions() {
  const auto infos = [&](bool trash) {
    auto list = std::make_shared<std::vector<SessionInfo>>(store->list(trash));
    for (SessionInfo& info : *list) info.generating = running_or_null(info.id) != nullptr;
    return list;
  };
  snapshots.set_sessions(infos(false), infos(true));
  shown_changed = true;
}

Result<SessionView> HostService::Impl::view_of(const std::string& session) {
  FABULA_ASSIGN(SessionView view, store->view(session));
  view.info.generating = running_or_null(session) != nullptr;
  view.settings.sampler = shown_sampler(view.info.mode, view.settings.sampler);
  return view;
}

void HostService::Impl::publish_view(const std::string& session) {
  if (!open_views.contains(session)) return;
  auto view = view_of(session);
  if (!view.ok()) return;
  snapshots.set_view(session, std::make_shared<const SessionView>(*std::move(view)));
  shown_changed = true;
}

void HostService::Impl::publish(const std::string& session) {
  publish_sessions();
  publish_view(session);
}

Status HostService::Impl::open_view(uint64_t viewer, const std::string& session) {
  FABULA_TRY(store->view(session));
  open_views[session].insert(viewer);
  publish_view(session);
  return {};
}

void HostService::Impl::close_view(uint64_t viewer, const std::string& session) {
  const auto found = open_views.find(session);
  if (found == open_views.end()) return;
  found->second.erase(viewer);
  if (!found->second.empty()) return;
  open_views.erase(found);
  snapshots.set_view(session, nullptr);
  if (!running_or_null(session)) store->forget(session);
}

void HostService::Impl::publish_live(const Running& reply) {
  auto live = std::make_shared<LiveReply>();
  live->session = reply.session;
  live->message = reply.message.id;
  live->text = reply.message.text;
  live->tokens = static_cast<int64_t>(reply.message.tokens.size());
  live->prompt_done = reply.prompt_done;
  live->prompt_total = reply.prompt_total;
  live->started = reply.first_token_at > 0;
  const int64_t fresh = live->tokens - reply.tokens_before;
  const double seconds = live->started ? monotonic_seconds() - reply.first_token_at : 0;
  if (fresh > 1 && seconds > 0) live->decode_tokens_per_second = static_cast<double>(fresh - 1) / seconds;
  snapshots.set_live(reply.session, std::move(live));
  shown_changed = true;
}

}  // namespace fabula::session
