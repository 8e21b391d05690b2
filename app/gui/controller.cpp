#include "app/gui/controller.h"

#include "app/gui/controller_when.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/gui/desktop.h"
#include "app/server/listener.h"
#include "core/base/clock.h"
#include "core/base/file.h"

namespace fabula::gui {
namespace {

using session::Mode;
using Kind = session::Notice::Kind;

constexpr double toast_seconds = 7, toast_with_undo_seconds = 12;
constexpr uint64_t max_import_bytes = uint64_t{512} << 20;

// The words alone: a story's page as it stands, the turns of a chat apart by empty lines.
std::string plain_text(const session::SessionView& view) {
  std::string out;
  for (const auto& message : view.path) {
    if (view.info.mode == Mode::chat && !out.empty()) out += "\n\n";
    out += message->text;
  }
  return out + "\n";
}

}  // namespace

Controller::Controller(Options options, Settings& settings, const Strings& strings, Background& background, Watchdog& watchdog)
    : options_(std::move(options)), settings_(settings), tr_(strings), background_(background), watchdog_(watchdog) {
  mode_ = settings_.mode == "chat" ? Mode::chat : Mode::story;
  current_[index(Mode::chat)] = settings_.chat.last_session;
  current_[index(Mode::story)] = settings_.story.last_session;
  if (!options_.model.empty()) settings_.of(mode_).model = options_.model;
  if (!options_.file.empty()) raised_with_ = options_.file;
  frame_.sessions = frame_.trash = std::make_shared<const std::vector<session::SessionInfo>>();
}

Controller::~Controller() = default;

void Controller::when_done(session::Answer<void> answer, std::function<void()> then) {
  when<void>(std::move(answer), [this, then = std::move(then)](Result<void> result) {
    if (!result) {
      say(Kind::error, result.error().message);
    } else if (then) {
      then();
    }
  });
}

void Controller::start() {
  open_service();
}

// Also once more, when the process that held the sessions has ended: this one attaches to the next, or becomes it.
void Controller::open_service() {
  session::Service::Options service{options_.places, {}, options_.log, options_.wake};
  service.open_listener = server::listener_opener();
  service.raise = [this](const std::string& argument) {
    background_.post([this, argument] { raised_with_ = argument; });
  };
  service.engine.isa = options_.isa;
  service.engine.log = options_.log;
  background_.run([this, &background = background_, service = std::move(service)]() mutable {
    auto opened_service = std::make_shared<Result<std::unique_ptr<session::Service>>>(session::Service::open(std::move(service)));
    background.post([this, opened_service] { opened(std::move(*opened_service)); });
  });
}

void Controller::opened(Result<std::unique_ptr<session::Service>> service) {
  if (!service) {
    open_error_ = service.error().message;
    return;
  }
  service_ = *std::move(service);
  if (service_->host_name().empty()) service_->set_idle_unload(settings_.idle_unload_minutes);
  ensure_model();
  if (!current().empty()) select(current());
}

void Controller::begin_frame() {
  for (size_t i = 0; i < pending_.size();) {
    auto check = pending_[i];  // an answer may post a command, which grows the list
    if (check()) {
      pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  const double now = monotonic_seconds();
  std::erase_if(toasts_, [now](const Toast& t) { return t.until < now; });
  if (service_ && service_->is_lost()) {
    say(Kind::warning, tr_.format("toast.host_gone", {service_->host_name()}));
    remember_models();
    service_.reset();
    frame_.model = {};
    open_service();
  }
  if (!service_) return;
  Watchdog::Span span(watchdog_, "snapshots");
  for (auto& notice : service_->take_notices()) say(notice.kind, std::move(notice.text), std::move(notice.undo_session));
  frame_.sessions = service_->sessions();
  frame_.trash = service_->trash();
  frame_.view = current().empty() ? nullptr : service_->view_or_null(current());
  frame_.live = current().empty() ? nullptr : service_->live_or_null(current());
  frame_.model = service_->model_state(mode_);
  frame_.residents = service_->resident_models();
  if (frame_.model.phase == session::ModelState::Phase::ready) spoken_with_[index(mode_)] = frame_.model.path;
  frame_.metrics = service_->metrics();
}

void Controller::stop_all() {
  if (!service_) return;
  for (const auto& session : replying_) service_->cancel(session);
  service_.reset();
}

void Controller::listen(session::ListenRequest request, session::ListenLog log, std::function<void(Result<int>)> then) {
  if (service_) when<int>(service_->listen(std::move(request), std::move(log)), std::move(then));
}

void Controller::stop_listening() {
  if (service_) service_->stop_listening();
}

// ---- modes and sessions

void Controller::set_mode(Mode mode) {
  before_change();
  if (mode == mode_) return;
  mode_ = mode;
  settings_.mode = mode == Mode::chat ? "chat" : "story";
  save_settings();
  ensure_model();
  if (service_ && !current().empty()) select(current());
}

void Controller::select(const std::string& session) {
  before_change();
  if (!service_) return;
  const std::string before = current();
  if (before != session && !before.empty() && !replying_.contains(before)) service_->close_session(before);
  current_[index(mode_)] = session;
  settings_.of(mode_).last_session = session;
  save_settings();
  if (session.empty() || service_->view_or_null(session)) return;
  when<session::SessionView>(service_->open_session(session), [this, session](Result<session::SessionView> view) {
    if (view || current() != session) return;
    current_[index(mode_)].clear();  // gone since the last run
    if (view.error().code != ErrorCode::not_found) say(Kind::error, view.error().message);
  });
}

void Controller::new_session() {
  new_memory_ = {};
  select("");
  frame_.view = nullptr;
  frame_.live = nullptr;
}

void Controller::rename(const std::string& session, const std::string& title) {
  if (service_) when_done(service_->rename(session, title), {});
}

void Controller::remove(const std::string& session) {
  if (!service_) return;
  service_->cancel(session);
  when_done(service_->remove(session), [this, session] {
    for (auto& open : current_) {
      if (open == session) open.clear();
    }
    say(Kind::info, tr_("toast.deleted"), session);
  });
}

void Controller::restore(const std::string& session) {
  if (!service_) return;
  std::erase_if(toasts_, [&](const Toast& t) { return t.undo_session == session; });
  when_done(service_->restore(session), [this, session] { select(session); });
}

void Controller::purge(const std::string& session) {
  if (service_) when_done(service_->purge(session), [this] { say(Kind::info, tr_("toast.purged")); });
}

void Controller::export_to(const std::string& session, const std::string& path) {
  before_change();
  if (!service_) return;
  if (const auto view = service_->view_or_null(session); view && path.ends_with(".txt")) {
    write_export(path, plain_text(*view));
  } else if (path.ends_with(".md") || path.ends_with(".txt")) {
    when_or_say<std::string>(service_->export_markdown(session), [this, path](std::string text) { write_export(path, std::move(text)); });
  } else {
    when_or_say<OrderedJson>(service_->export_session(session), [this, path](OrderedJson document) { write_export(path, dump_json(document, 2) + "\n"); });
  }
}

void Controller::write_export(const std::string& path, std::string text) {
  background_.run([this, &background = background_, path, text = std::move(text)] {
    auto written = std::make_shared<Status>(write_file_atomically(path, text));
    background.post([this, path, written] {
      if (*written) {
        say(Kind::info, tr_.format("toast.exported", {path}));
      } else {
        say(Kind::error, written->error().message);
      }
    });
  });
}

void Controller::import_from(const std::string& path) {
  if (!service_) return;
  background_.run([this, &background = background_, path] {
    auto text = std::make_shared<Result<std::string>>(read_file(path, max_import_bytes));
    background.post([this, text] {
      if (!*text) return say(Kind::error, text->error().message);
      if (!service_) return;
      when_or_say<std::string>(service_->import_session(**text), [this](std::string id) {
        select(id);
        say(Kind::info, tr_("toast.imported"));
      });
    });
  });
}

void Controller::branch(const std::string& message) {
  before_change();
  if (!service_ || current().empty()) return;
  when_or_say<OrderedJson>(service_->export_session(current()), [this, message](OrderedJson document) {
    if (!document.contains("session")) return;
    document["current"] = message;
    document["session"]["id"] = make_uuid_v7();
    document["session"]["title"] = tr_.format("session.branch_title", {document["session"].value("title", "")});
    when_or_say<std::string>(service_->import_session(dump_json(document)), [this](std::string id) {
      select(id);
      say(Kind::info, tr_("toast.branched"));
    });
  });
}

void Controller::undo() {
  before_change();
  if (!service_ || current().empty() || generating()) return;
  when_or_say<bool>(service_->undo(current()), [this](bool done) {
    if (!done) say(Kind::info, tr_("toast.nothing_to_undo"));
  });
}

void Controller::redo() {
  before_change();
  if (!service_ || current().empty() || generating()) return;
  when_or_say<bool>(service_->redo(current()), [this](bool done) {
    if (!done) say(Kind::info, tr_("toast.nothing_to_redo"));
  });
}

void Controller::set_draft(const std::string& text) {
  if (service_ && !current().empty()) service_->set_draft(current(), text);
}

// ---- words

bool Controller::generating() const {
  if (creating_ || (!current().empty() && replying_.contains(current()))) return true;
  return frame_.live != nullptr || (frame_.view && frame_.view->info.generating);
}

Controller::Obstacle Controller::obstacle() const {
  using Phase = session::ModelState::Phase;
  if (!open_error_.empty()) return Obstacle::no_database;
  if (!service_) return Obstacle::starting;
  if (generating()) return Obstacle::generating;
  switch (frame_.model.phase) {
    case Phase::none: return found_once_ || !settings_.of(mode_).model.empty() ? Obstacle::no_model : Obstacle::starting;
    case Phase::loading: return Obstacle::loading;
    case Phase::failed: return Obstacle::model_failed;
    case Phase::asleep:  // wakes with the first request
    case Phase::ready: break;
  }
  if (mode_ == Mode::chat && !frame_.model.has_chat_template) return Obstacle::no_template;
  return Obstacle::none;
}

void Controller::send(const std::string& text) {
  before_change();
  if (obstacle() != Obstacle::none) return;
  if (!current().empty()) return send_to(current(), text);
  creating_ = true;
  const Mode mode = mode_;
  when<session::SessionInfo>(service_->create(mode, "", settings_.of(mode).system), [this, mode, text](Result<session::SessionInfo> made) {
    creating_ = false;
    if (!made) {
      returned_words_ = text;
      return say(Kind::error, made.error().message);
    }
    current_[index(mode)] = made->id;
    settings_.of(mode).last_session = made->id;
    save_settings();
    when_done(service_->set_settings(made->id, defaults(mode)), {});
    send_to(made->id, text);
  });
}

void Controller::send_to(const std::string& session, const std::string& text) {
  expect_reply(session, service_->send(session, text), text);
  if (service_->view_or_null(session) == nullptr) when_or_say<session::SessionView>(service_->open_session(session), {});
}

void Controller::expect_reply(const std::string& session, session::Answer<session::Message> answer, const std::string& words) {
  replying_.insert(session);
  when<session::Message>(std::move(answer), [this, session, words](Result<session::Message> reply) {
    replying_.erase(session);
    if (reply && reply->text.empty() && reply->finish_reason == "stop") say(Kind::info, tr_("toast.ended"));
    if (reply || reply.error().code == ErrorCode::cancelled) return;
    say(Kind::error, reply.error().message);
    // Words that never became a message go back to where they were typed.
    const auto view = service_ ? service_->view_or_null(session) : nullptr;
    const bool kept = view && std::any_of(view->path.begin(), view->path.end(), [&](const auto& m) { return m->text == words; });
    if (!words.empty() && !kept && session == current()) returned_words_ = words;
  });
}

void Controller::continue_reply() {
  before_change();
  if (obstacle() != Obstacle::none || current().empty()) return;
  expect_reply(current(), service_->continue_reply(current()), "");
}

void Controller::regenerate() {
  before_change();
  if (obstacle() != Obstacle::none || current().empty() || !frame_.view || frame_.view->path.empty()) return;
  expect_reply(current(), service_->regenerate(current()), "");
}

void Controller::stop() {
  if (service_ && !current().empty()) service_->cancel(current());
}

void Controller::rollback(const std::string& session, const std::string& message) {
  before_change();
  if (!service_) return;
  when_done(service_->rollback(session, message), [this] { say(Kind::info, tr_("toast.rolled_back")); });
}

void Controller::rollback_last_exchange(const std::string& session) {
  before_change();
  if (!service_) return;
  when_done(service_->rollback_last_exchange(session), [this] { say(Kind::info, tr_("toast.rolled_back")); });
}

void Controller::edit(const std::string& message, const std::string& text, bool then_reply) {
  before_change();
  if (!service_ || current().empty() || generating()) return;
  const std::string session = current();
  when_done(service_->edit(session, message, text), [this, session, then_reply] {
    if (then_reply && session == current()) expect_reply(session, service_->regenerate(session), "");
  });
}

void Controller::select_sibling(const std::string& message, int step) {
  before_change();
  if (service_ && !current().empty() && !generating()) when_done(service_->select_sibling(current(), message, step), {});
}

void Controller::remove_message(const std::string& message) {
  before_change();
  if (!service_ || current().empty() || generating()) return;
  when_done(service_->remove_message(current(), message), [this] { say(Kind::info, tr_("toast.message_deleted")); });
}

// ---- settings of replies

session::SessionSettings Controller::defaults(Mode mode) const {
  const ModeSettings& from = settings_.of(mode);
  session::SessionSettings out;
  out.sampler = from.sampler;
  out.max_tokens = from.max_tokens;
  out.stop = from.stop;
  if (mode == Mode::story) {
    out.memory = new_memory_.memory;
    out.note = new_memory_.note;
    out.note_depth = new_memory_.note_depth;
  }
  return out;
}

session::SessionSettings Controller::reply_settings() const { return frame_.view ? frame_.view->settings : defaults(mode_); }

void Controller::set_reply_settings(session::SessionSettings settings) {
  if (current().empty()) return set_mode_reply_settings(settings);
  const session::SessionSettings before = reply_settings();  // memory and note are set elsewhere
  settings.memory = before.memory;
  settings.note = before.note;
  settings.note_depth = before.note_depth;
  if (service_) when_done(service_->set_settings(current(), settings), {});
}

void Controller::set_mode_reply_settings(const session::SessionSettings& settings) {
  ModeSettings& mode = settings_.of(mode_);
  mode.sampler = settings.sampler;
  mode.max_tokens = settings.max_tokens;
  mode.stop = settings.stop;
  save_settings();
}

std::string Controller::system_prompt() const { return frame_.view ? frame_.view->system : settings_.of(mode_).system; }

void Controller::set_system(const std::string& text) {
  settings_.of(mode_).system = text;
  save_settings();
  if (service_ && !current().empty()) when_done(service_->set_system(current(), text), {});
}

void Controller::save_settings() {
  background_.run([this, &background = background_, file = options_.places.settings_file(), copy = settings_, unknown = unknown_settings_] {
    if (auto saved = gui::save_settings(file, copy, unknown); !saved) {
      background.post([this, message = saved.error().message] { say(Kind::warning, message); });
    }
  });
}

// ---- search

void Controller::search(const std::string& query) {
  const uint64_t serial = ++search_serial_;
  if (!service_ || query.empty()) return hits_.clear();
  when<std::vector<session::Store::Hit>>(service_->search(query), [this, serial](Result<std::vector<session::Store::Hit>> found) {
    if (serial != search_serial_) return;
    hits_ = found ? *std::move(found) : std::vector<session::Store::Hit>{};
  });
}

void Controller::open_link(const std::string& link) {
  background_.run([link] { open_in_browser(link); });
}

// ---- toasts

void Controller::say(Kind kind, std::string text, std::string undo_session) {
  const double until = monotonic_seconds() + (undo_session.empty() ? toast_seconds : toast_with_undo_seconds);
  for (Toast& toast : toasts_) {  // said twice (the service and the command's answer): shown once
    const bool same_undo = !undo_session.empty() && toast.undo_session == undo_session;
    if (same_undo || toast.text == text) {
      toast.until = until;
      return;
    }
  }
  if (toasts_.size() >= 4) toasts_.erase(toasts_.begin());
  toasts_.push_back({kind, std::move(text), std::move(undo_session), until, next_toast_++});
}

}  // namespace fabula::gui
