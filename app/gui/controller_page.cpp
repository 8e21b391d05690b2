// The controller's part in stories that are edited in place.
#include "app/gui/controller_when.h"

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
        current_[index(mode)] = info->id;
        settings_.of(mode).last_session = info->id;
        save_settings();
        made(info->id);
        when_or_say<session::SessionView>(service_->open_session(info->id), {});
      });
}

void Controller::undo_page_edits(const std::string& session, int steps, std::function<void(Result<bool>)> then) {
  if (service_) when<bool>(service_->undo_page_edits(session, steps), std::move(then));
}

}  // namespace fabula::gui
