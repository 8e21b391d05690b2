#include "core/session/host_service.h"

#include <nlohmann/json.hpp>

#include "core/base/utf8.h"
#include "core/session/attach_host.h"
#include "core/session/host_impl.h"

namespace fabula::session {

HostService::HostService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// Other processes and the API go first: their last requests still find everything in its place.
HostService::~HostService() {
  attach_host_.reset();
  stop_listening();
}

Result<std::unique_ptr<Service>> HostService::open(Options options, HostLock lock) {
  FABULA_ASSIGN(std::unique_ptr<Store> store, Store::open(options.places.database_file()));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(lock), std::move(store));
  std::unique_ptr<HostService> host(new HostService(std::move(impl)));
  const Options& known = host->impl_->options;
  // Without a socket all is as it was, except that others are told who holds the place.
  if (auto started = AttachHost::start(*host, known); started.ok())
    host->attach_host_ = *std::move(started);
  else if (known.log)
    known.log->write(LogLevel::warning, "other processes cannot attach: " + started.error().message);
  return std::unique_ptr<Service>(std::move(host));
}

// ---- snapshots ----

std::shared_ptr<const std::vector<SessionInfo>> HostService::sessions() const {
  return impl_->snapshots.sessions();
}
std::shared_ptr<const std::vector<SessionInfo>> HostService::trash() const {
  return impl_->snapshots.trash();
}
std::shared_ptr<const SessionView> HostService::view_or_null(const std::string& session) const {
  return impl_->snapshots.view_or_null(session);
}
std::shared_ptr<const LiveReply> HostService::live_or_null(const std::string& session) const {
  return impl_->snapshots.live_or_null(session);
}
ModelState HostService::model_state(Mode mode) const {
  return impl_->snapshots.model(mode);
}
std::vector<std::shared_ptr<const LiveReply>> HostService::lives() const {
  return impl_->snapshots.lives();
}
std::vector<ResidentModel> HostService::resident_models() const {
  return impl_->snapshots.residents();
}
engine::Metrics HostService::metrics() const {
  return impl_->engine.metrics();
}
engine::Engine* HostService::engine_or_null() {
  return &impl_->engine;
}
std::vector<Notice> HostService::take_notices() {
  return impl_->snapshots.take_notices();
}

// ---- models ----

Answer<ModelState> HostService::load_model(Mode mode, engine::ModelLoad load) {
  return impl_->ask_later<ModelState>(
      [impl = impl_.get(), mode, load = std::move(load)](auto promise) mutable {
        impl->load_model(mode, std::move(load), std::move(promise));
      });
}

void HostService::unload_model(Mode mode) {
  impl_->post([impl = impl_.get(), mode] { impl->unload_model(mode); });
}

void HostService::cancel_load(Mode mode) {
  impl_->post([impl = impl_.get(), mode] { impl->cancel_load(mode); });
}

void HostService::unload_resident(std::string path) {
  impl_->post([impl = impl_.get(), path = std::move(path)] { impl->unload_resident(path); });
}

Answer<ModelState> HostService::wake_model(Mode mode) {
  return impl_->ask_later<ModelState>([impl = impl_.get(), mode](auto promise) { impl->wake_model(mode, std::move(promise)); });
}

void HostService::set_idle_unload(double minutes) {
  impl_->post([impl = impl_.get(), minutes] { impl->idle_seconds = 60 * std::max(minutes, 0.0); });
}

void HostService::set_threads(int threads) {
  impl_->post([impl = impl_.get(), threads] {
    for (const auto& [model, load] : impl->loaded_models) impl->engine.set_threads(model, threads);
    for (engine::ModelLoad& load : impl->model_loads) load.threads = threads;  // also of one that sleeps
  });
}

// ---- sessions ----

Answer<SessionInfo> HostService::create(Mode mode, std::string title, std::string system) {
  return impl_->ask<SessionInfo>(
      [impl = impl_.get(), mode, title = std::move(title), system = std::move(system)] {
        auto made = impl->store->create(mode, replace_invalid_utf8(title), replace_invalid_utf8(system), {});
        impl->publish_sessions();
        return made;
      });
}

Answer<SessionView> HostService::open_session(std::string session) {
  return impl_->ask<SessionView>([impl = impl_.get(), session = std::move(session)]() -> Result<SessionView> {
    FABULA_TRY(impl->open_view(0, session));
    return *impl->snapshots.view_or_null(session);
  });
}

Answer<ViewPtr> HostService::read_session(std::string session) {
  return impl_->ask<ViewPtr>([impl = impl_.get(), session = std::move(session)]() -> Result<ViewPtr> {
    FABULA_ASSIGN(SessionView view, impl->view_of(session));
    return std::make_shared<const SessionView>(std::move(view));
  });
}

void HostService::close_session(std::string session) {
  close_view(0, std::move(session));
}

Answer<void> HostService::open_view(uint64_t viewer, std::string session) {
  return impl_->ask<void>([impl = impl_.get(), viewer, session = std::move(session)] {
    return impl->open_view(viewer, session);
  });
}

void HostService::close_view(uint64_t viewer, std::string session) {
  impl_->post(
      [impl = impl_.get(), viewer, session = std::move(session)] { impl->close_view(viewer, session); });
}

void HostService::close_views(uint64_t viewer) {
  impl_->post([impl = impl_.get(), viewer] {
    std::vector<std::string> seen;
    for (const auto& [session, viewers] : impl->open_views)
      if (viewers.contains(viewer)) seen.push_back(session);
    for (const std::string& session : seen) impl->close_view(viewer, session);
  });
}

Answer<void> HostService::rename(std::string session, std::string title) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), title = std::move(title)] {
    Status status = impl->store->rename(session, replace_invalid_utf8(title));
    impl->publish(session);
    return status;
  });
}

Answer<void> HostService::set_system(std::string session, std::string system) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), system = std::move(system)] {
    Status status = impl->store->set_system(session, replace_invalid_utf8(system));
    impl->publish(session);
    return status;
  });
}

Answer<void> HostService::set_settings(std::string session, SessionSettings settings) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), settings = std::move(settings)] {
    Status status = impl->set_settings(session, settings);
    impl->publish(session);
    return status;
  });
}

Answer<void> HostService::set_pinned(std::string session, bool pinned) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), pinned] {
    Status status = impl->store->set_pinned(session, pinned);
    impl->publish(session);
    return status;
  });
}

Answer<void> HostService::set_labels(std::string session, std::string folder, std::vector<std::string> tags) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), folder = std::move(folder), tags = std::move(tags)]() mutable {
    for (std::string& tag : tags) tag = replace_invalid_utf8(tag);
    Status status = impl->store->set_labels(session, replace_invalid_utf8(folder), tags);
    impl->publish(session);
    return status;
  });
}

Answer<Outlook> HostService::outlook(std::string session, Act act) {
  return impl_->ask_later<Outlook>([impl = impl_.get(), session = std::move(session), act = std::move(act)](auto promise) {
    if (const Status begun = impl->begin_outlook(session, act, promise); !begun.ok()) promise->set_value(begun.error());
  });
}

void HostService::set_draft(std::string session, std::string draft) {
  impl_->post([impl = impl_.get(), session = std::move(session), draft = std::move(draft)] {
    const Status status = impl->store->set_draft(session, replace_invalid_utf8(draft));
    if (!status.ok()) return impl->say(Notice::Kind::error, status.error().message);
    impl->publish_view(session);
  });
}

Answer<void> HostService::remove(std::string session) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session)] {
    return impl->change(session, [&] { return impl->store->remove(session); });
  });
}

Answer<void> HostService::restore(std::string session) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session)] {
    return impl->change(session, [&] { return impl->store->restore(session); });
  });
}

Answer<void> HostService::purge(std::string session) {
  return impl_->ask_later<void>([impl = impl_.get(), session = std::move(session)](auto promise) {
    impl->purge(session, std::move(promise));
  });
}

Answer<bool> HostService::undo(std::string session) {
  return impl_->ask<bool>([impl = impl_.get(), session = std::move(session)] {
    impl->stop_now(session);
    auto done = impl->store->undo(session);
    impl->publish(session);
    return done;
  });
}

Answer<bool> HostService::redo(std::string session) {
  return impl_->ask<bool>([impl = impl_.get(), session = std::move(session)] {
    impl->stop_now(session);
    auto done = impl->store->redo(session);
    impl->publish(session);
    return done;
  });
}

// ---- words ----

namespace {

template <class Impl, class Begin>
Answer<Message> ask_for_reply(Impl* impl, const std::string& session, Begin begin) {
  return impl->template ask_later<Message>([impl, session, begin = std::move(begin)](auto promise) {
    impl->when_awake(session, [begin, promise](const Status& awake) {
      const Status status = awake.ok() ? begin(promise) : awake;
      if (!status.ok()) promise->set_value(status.error());
    });
  });
}

}  // namespace

Answer<Message> HostService::send(std::string session, std::string text, ReplyOptions options) {
  return ask_for_reply(impl_.get(), session, [impl = impl_.get(), session, text, options](const auto& promise) {
    return impl->begin_send(session, replace_invalid_utf8(text), options, promise);
  });
}

Answer<Message> HostService::regenerate(std::string session, ReplyOptions options) {
  return ask_for_reply(impl_.get(), session, [impl = impl_.get(), session, options](const auto& promise) {
    return impl->begin_regenerate(session, options, promise);
  });
}

Answer<Message> HostService::continue_reply(std::string session, ReplyOptions options) {
  return ask_for_reply(impl_.get(), session, [impl = impl_.get(), session, options](const auto& promise) {
    return impl->begin_continue(session, options, promise);
  });
}

Answer<Message> HostService::branch_at(std::string session, std::string message, int64_t keep_tokens,
                                       int32_t token, ReplyOptions options) {
  return ask_for_reply(impl_.get(), session, [=, impl = impl_.get()](const auto& promise) {
    return impl->begin_branch(session, message, keep_tokens, token, options, promise);
  });
}

void HostService::cancel(std::string session) {
  impl_->post([impl = impl_.get(), session] {
    for (const auto& [request, running] : impl->running)
      if (running.session == session) impl->cancel_reply(request, running);
  });
}

Answer<void> HostService::rollback(std::string session, std::string message) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), message = std::move(message)] {
    return impl->change(session, [&] { return impl->store->set_current(session, message); });
  });
}

Answer<void> HostService::rollback_last_exchange(std::string session) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session)] {
    return impl->change(session, [&] { return impl->rollback_last_exchange(session); });
  });
}

Answer<void> HostService::edit(std::string session, std::string message, std::string text) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), message = std::move(message),
                           text = std::move(text)] {
    return impl->change(session, [&] { return impl->edit(session, message, replace_invalid_utf8(text)); });
  });
}

Answer<bool> HostService::edit_page(std::string session, std::string current, std::vector<PageEdit> edits) {
  return impl_->ask<bool>([impl = impl_.get(), session = std::move(session), current = std::move(current),
                           edits = std::move(edits)]() mutable {
    for (PageEdit& edit : edits) edit.text = replace_invalid_utf8(edit.text);
    auto made = impl->edit_page(session, current, edits);
    impl->publish(session);
    return made;
  });
}

Answer<bool> HostService::undo_page_edits(std::string session, int steps) {
  return impl_->ask<bool>([impl = impl_.get(), session = std::move(session), steps]() -> Result<bool> {
    impl->stop_now(session);
    bool all = true;
    for (int i = 0; i < steps && all; ++i) {
      FABULA_ASSIGN(all, impl->store->newest_is_page_edit(session));
      if (all) FABULA_TRY(impl->store->undo(session));
    }
    impl->publish(session);
    return all;
  });
}

Answer<void> HostService::select_sibling(std::string session, std::string message, int step) {
  return impl_->ask<void>(
      [impl = impl_.get(), session = std::move(session), message = std::move(message), step] {
        return impl->change(session, [&]() -> Status {
          FABULA_ASSIGN(const std::string end, impl->store->branch_end(session, message, step));
          return impl->store->set_current(session, end);
        });
      });
}

Answer<void> HostService::remove_message(std::string session, std::string message) {
  return impl_->ask<void>([impl = impl_.get(), session = std::move(session), message = std::move(message)] {
    return impl->change(session, [&] { return impl->store->remove_message(session, message); });
  });
}

// ---- exchange ----

Answer<MessageList> HostService::tree(std::string session) {
  return impl_->ask<MessageList>(
      [impl = impl_.get(), session = std::move(session)] { return impl->store->tree(session); });
}

Answer<OrderedJson> HostService::export_session(std::string session) {
  return impl_->ask_later<OrderedJson>(
      [impl = impl_.get(), session = std::move(session)](auto promise) { impl->export_session(session, promise); });
}

Answer<std::string> HostService::export_markdown(std::string session) {
  return impl_->ask_later<std::string>(
      [impl = impl_.get(), session = std::move(session)](auto promise) { impl->export_markdown(session, promise); });
}

Answer<OrderedJson> HostService::export_all() {
  return impl_->ask_later<OrderedJson>([impl = impl_.get()](auto promise) { impl->export_all(promise); });
}

Answer<std::string> HostService::import_session(std::string document) {
  return impl_->ask_later<std::string>([impl = impl_.get(), document = std::move(document)](auto promise) mutable {
    impl->import_session(std::move(document), promise);
  });
}

Answer<std::vector<std::string>> HostService::import_all(std::string document) {
  return impl_->ask_later<std::vector<std::string>>([impl = impl_.get(), document = std::move(document)](auto promise) mutable {
    impl->import_all(std::move(document), promise);
  });
}

Answer<HitList> HostService::search(std::string query, int limit) {
  return impl_->ask<HitList>(
      [impl = impl_.get(), query = std::move(query), limit] { return impl->store->search(query, limit); });
}

Answer<ReplayReport> HostService::replay(std::string session) {
  return impl_->ask_later<ReplayReport>([impl = impl_.get(), session = std::move(session)](auto promise) {
    auto messages = impl->store->tree(session);
    if (!messages.ok()) return promise->set_value(messages.error());
    impl->begin_replay(*std::move(messages), std::move(promise));
  });
}

Answer<ReplayReport> HostService::replay_document(std::string document) {
  return impl_->ask_later<ReplayReport>([impl = impl_.get(), document = std::move(document)](auto promise) mutable {
    impl->replay_document(std::move(document), promise);
  });
}

uint64_t HostService::follow(Follower follower) {
  const uint64_t id = ++impl_->last_follower;
  impl_->post([impl = impl_.get(), id, follower = std::move(follower)]() mutable {
    impl->followers.emplace(id, std::move(follower));
  });
  return id;
}

Result<std::unique_ptr<Listener>> HostService::open_listener(const ListenRequest& request, ListenLog log) {
  const Options& options = impl_->options;
  if (!options.open_listener)
    return Error{ErrorCode::unsupported, options.program + " holds the sessions and has no API to open"};
  return options.open_listener(*this, request, std::move(log));
}

Answer<int> HostService::listen(ListenRequest request, ListenLog log) {
  AnswerPromise<int> promise;
  const std::lock_guard lock(listener_mutex_);
  promise.set_value([&]() -> Result<int> {
    if (listener_) return Error{ErrorCode::busy, "the API is open already"};
    FABULA_ASSIGN(listener_, open_listener(request, std::move(log)));
    return listener_->port();
  }());
  return promise.answer();
}

void HostService::stop_listening() {
  const std::lock_guard lock(listener_mutex_);
  listener_.reset();
}

namespace {

// Runs `job` on the service's thread and waits for it, unless that is where we are.
template <class Impl, class Job>
void run_on_thread(Impl& impl, Job job) {
  if (std::this_thread::get_id() == impl.thread.get_id()) return impl.post(std::move(job));
  impl.template ask<bool>([job = std::move(job)]() mutable {
        job();
        return Result<bool>(true);
      })
      .wait();
}

}  // namespace

void HostService::unfollow(uint64_t id) {
  run_on_thread(*impl_, [impl = impl_.get(), id] { impl->followers.erase(id); });
}

void HostService::set_watcher(Watcher watcher) {
  run_on_thread(*impl_, [impl = impl_.get(), watcher = std::move(watcher)]() mutable {
    impl->watcher = std::move(watcher);
  });
}

}  // namespace fabula::session
