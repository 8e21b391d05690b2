#include "app/gui/controller.h"

#include "app/gui/controller_when.h"

#include <algorithm>

#include "app/gui/desktop.h"
#include "app/server/listener.h"
#include "core/base/clock.h"
#include "core/base/file.h"

namespace fabula::gui {
namespace {

using session::Mode;
using Kind = session::Notice::Kind;

constexpr double toast_seconds = 7, toast_with_undo_seconds = 12;
constexpr int alternatives_of_stories = 5;  // kept with each token, for the list under the mouse: some 40 bytes

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
  if (service_->host_name().empty()) service_->set_idle_unload(static_cast<double>(settings_.idle_unload_minutes));
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
  look_at_current();
  frame_.residents = service_->resident_models();
  if (frame_.model.phase == session::ModelState::Phase::ready) spoken_with_[index(mode_)] = frame_.model.path;
  frame_.metrics = service_->metrics();
}

// Another session or mode may become the current one in the middle of a frame: what is drawn after it must be of that one.
void Controller::look_at_current() {
  const bool any = service_ && !current().empty();
  frame_.view = any ? service_->view_or_null(current()) : nullptr;
  frame_.live = any ? service_->live_or_null(current()) : nullptr;
  if (service_) frame_.model = service_->model_state(mode_);
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

// ---- words

void Controller::set_draft(const std::string& session, const std::string& text) {
  if (service_ && !session.empty()) service_->set_draft(session, text);
}

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
  if (!current().empty() && surely_fits(text.size())) return send_to(current(), text);
  if (!current().empty()) {
    const auto give_back = [this, text] { returned_words_ = text; };
    return weigh({session::Act::Kind::send, "", text}, [this, session = current(), text] { send_to(session, text); }, give_back);
  }
  creating_ = true;
  const Mode mode = mode_;
  when<session::SessionInfo>(service_->create(mode, "", settings_.of(mode).system), [this, mode, text](Result<session::SessionInfo> made) {
    creating_ = false;
    if (!made) {
      returned_words_ = text;
      return say(Kind::error, made.error().message);
    }
    take_born(mode, made->id);
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
  const auto go_on = [this, session = current()] { expect_reply(session, service_->continue_reply(session), ""); };
  if (surely_fits(0)) return go_on();
  weigh({}, go_on);
}

void Controller::regenerate() {
  before_change();
  if (obstacle() != Obstacle::none || current().empty() || !frame_.view || frame_.view->path.empty()) return;
  weigh({session::Act::Kind::regenerate, "", ""}, [this, session = current()] { expect_reply(session, service_->regenerate(session), ""); });
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
  const auto edit = [this, session = current(), message, text, then_reply] {
    when_done(service_->edit(session, message, text), [this, session, then_reply] {
      if (then_reply && session == current()) expect_reply(session, service_->regenerate(session), "");
    });
  };
  if (!then_reply) return edit();
  weigh({session::Act::Kind::edit, message, text}, edit);
}

void Controller::select_sibling(const std::string& message, int step) {
  before_change();
  if (service_ && !current().empty() && !generating()) {
    when_done(service_->select_sibling(current(), message, step), [this, session = current()] {
      when<session::Outlook>(service_->outlook(session, {}), [this](Result<session::Outlook> found) {
        if (found) say_cost(*found);
      });
    });
  }
}

void Controller::branch_at(const std::string& message, int64_t keep_tokens, int32_t token) {
  before_change();
  if (obstacle() != Obstacle::none || current().empty()) return;
  expect_reply(current(), service_->branch_at(current(), message, keep_tokens, token), "");
}

void Controller::remove_message(const std::string& message) {
  before_change();
  if (!service_ || current().empty() || generating()) return;
  when_done(service_->remove_message(current(), message), [this] { say(Kind::info, tr_("toast.message_deleted")); });
}

// ---- settings of replies

session::SessionSettings Controller::defaults(Mode mode) const {
  const ModeSettings& from = settings_.of(mode);
  session::SessionSettings out = unborn_[index(mode)];
  out.sampler = from.sampler;
  out.max_tokens = from.max_tokens;
  out.stop = from.stop;
  out.alternatives = mode == Mode::story ? alternatives_of_stories : 0;
  return out;
}

session::SessionSettings Controller::reply_settings() const { return frame_.view ? frame_.view->settings : defaults(mode_); }

void Controller::set_reply_settings(session::SessionSettings settings) {
  if (being_read()) return;
  const session::SessionSettings before = reply_settings();
  settings.memory = before.memory;
  settings.note = before.note;
  settings.note_depth = before.note_depth;
  settings.overflow = before.overflow;
  settings.switches = before.switches;
  settings.alternatives = before.alternatives;
  if (service_ && !current().empty()) return when_done(service_->set_settings(current(), settings), {});
  unborn_[index(mode_)].grammar = settings.grammar;
  set_mode_reply_settings(settings);
}

void Controller::set_context_choice(session::Overflow overflow, session::TemplateSwitches switches) {
  if (being_read()) return;
  session::SessionSettings settings = reply_settings();
  settings.overflow = overflow;
  settings.switches = std::move(switches);
  if (service_ && !current().empty()) return when_done(service_->set_settings(current(), settings), {});
  unborn_[index(mode_)] = settings;
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
  if (!service_ || current().empty()) return;
  weigh({session::Act::Kind::system, "", text}, [this, session = current(), text] { when_done(service_->set_system(session, text), {}); });
}

void Controller::save_settings(std::function<void()> then) {
  background_.run([this, &background = background_, file = options_.places.settings_file(), copy = settings_, unknown = unknown_settings_, then = std::move(then)] {
    if (auto saved = gui::save_settings(file, copy, unknown); !saved) {
      background.post([this, message = saved.error().message] { say(Kind::warning, message); });
    } else if (then) {
      background.post(then);
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
