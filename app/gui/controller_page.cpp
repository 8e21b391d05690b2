// The controller's part in stories that are edited in place.
#include <set>

#include "app/gui/controller_when.h"
#include "core/text/tokenizer.h"

namespace fabula::gui {

void Controller::edit_page(const std::string& session, const std::string& current, std::vector<session::PageEdit> edits,
                           std::function<void(Result<bool>)> then) {
  if (!service_) return;
  when<bool>(service_->edit_page(session, current, std::move(edits)), std::move(then));
}

void Controller::begin_story(std::vector<session::PageEdit> edits, bool select, std::function<void(const std::string& id)> made,
                             std::function<void(Result<bool>)> then) {
  if (!service_) return;
  constexpr auto mode = session::Mode::story;
  when<session::SessionInfo>(
      service_->create(mode, "", settings_.of(mode).system),
      [this, select, edits = std::move(edits), made = std::move(made), then = std::move(then)](Result<session::SessionInfo> info) {
        if (!info) return then(info.error());
        when_done(service_->set_settings(info->id, defaults(mode)), {});
        when<bool>(service_->edit_page(info->id, "", edits), then);
        if (!select) return;
        take_born(mode, info->id);
        made(info->id);
        when_or_say<session::SessionView>(service_->open_session(info->id), {});
      });
}

void Controller::undo_page_edits(const std::string& session, int steps, std::function<void(Result<bool>)> then) {
  if (service_) when<bool>(service_->undo_page_edits(session, steps), std::move(then));
}

void Controller::tree(const std::string& session, std::function<void(session::MessageList)> then, std::function<void()> failed) {
  if (!service_) return failed();
  when<session::MessageList>(service_->tree(session), [then = std::move(then), failed = std::move(failed)](Result<session::MessageList> all) {
    if (all) return then(*std::move(all));
    failed();
  });
}

void Controller::go_to(const std::string& message) {
  if (!service_ || current().empty() || generating()) return;
  before_change();
  when_done(service_->rollback(current(), message), {});
}

void Controller::go_to_branch_of(const std::string& message) {
  tree(current(), [this, session = current(), message](const session::MessageList& all) {
    if (session != current()) return;
    std::set<std::string> below = {message};
    std::string last = message;
    for (const auto& m : all) {
      if (below.contains(m->parent)) below.insert(last = m->id);
    }
    go_to(last);
  }, [] {});
}

void Controller::set_memory(const std::string& memory, const std::string& note, int64_t note_depth) {
  if (being_read()) return;
  session::SessionSettings settings = reply_settings();
  settings.memory = memory;
  settings.note = note;
  settings.note_depth = note_depth;
  if (service_ && !current().empty()) return when_done(service_->set_settings(current(), settings), {});
  unborn_[index(mode_)] = settings;
}

std::shared_ptr<const text::Tokenizer> Controller::tokenizer_or_null(const std::string& fingerprint) const {
  engine::Engine* engine = service_ ? service_->engine_or_null() : nullptr;
  const auto loaded = engine != nullptr ? engine->loaded_or_null(frame_.model.id) : nullptr;
  return loaded && loaded->model->tokenizer->fingerprint() == fingerprint ? loaded->model->tokenizer : nullptr;
}

void Controller::count_tokens(std::string text, std::function<void(int64_t)> then) {
  engine::Engine* engine = service_ ? service_->engine_or_null() : nullptr;
  const auto loaded = engine != nullptr ? engine->loaded_or_null(frame_.model.id) : nullptr;
  if (!loaded) return then(-1);
  background_.run([loaded, text = std::move(text), then = std::move(then), &background = background_] {
    const auto tokens = static_cast<int64_t>(loaded->model->tokenizer->encode(text, {false, false}).size());
    background.post([then, tokens] { then(tokens); });
  });
}

}  // namespace fabula::gui
