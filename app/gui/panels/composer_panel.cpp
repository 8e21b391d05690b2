#include "app/gui/panels/composer_panel.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace fabula::gui {
namespace {

using Obstacle = Controller::Obstacle;
using session::Mode;

constexpr double draft_delay_seconds = 0.7;

// Why nothing can be sent, in the words of the window; null where something can.
const char* obstacle_key(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::starting: return "composer.starting";
    case Obstacle::no_database: return "composer.no_database";
    case Obstacle::no_model: return "composer.no_model";
    case Obstacle::loading: return "composer.loading";
    case Obstacle::model_failed: return "composer.model_failed";
    case Obstacle::no_template: return "composer.no_template";
    case Obstacle::none:
    case Obstacle::generating: break;
  }
  return nullptr;
}

// Words typed after a page that ends in a letter or a full stop get the space that people leave out.
std::string joined_to_page(const Shell& shell, std::string text) {
  const auto& view = shell.controller.frame().view;
  if (!view || view->path.empty() || view->path.back()->text.empty()) return text;
  const auto last = static_cast<unsigned char>(view->path.back()->text.back()), first = static_cast<unsigned char>(text.front());
  const bool page_open = last < 0x80 && last != ' ' && last != '\n';
  const bool word = first < 0x80 && (std::isalnum(first) != 0 || first == '"' || first == '\'');
  return page_open && word ? " " + text : text;
}

}  // namespace

void ComposerPanel::save_draft(Shell& shell) {
  save_at_ = 0;
  if (!adopted_ || editor_.revision() == saved_revision_) return;
  saved_revision_ = editor_.revision();
  if (page_.second.empty()) {
    put_away_[page_].words = editor_.text();
  } else {
    shell.controller.set_draft(page_.second, editor_.text());
  }
}

// Each session keeps its own draft; one that has just been made from an empty page keeps what was written below it.
void ComposerPanel::follow_session(Shell& shell) {
  Controller& c = shell.controller;
  if (const Page shown{c.mode(), c.current()}; shown != page_) {
    const bool born = shown.first == page_.first && page_.second.empty() && shown.second == c.born();
    if (born) {
      put_away_[page_].words.clear();
    } else {
      save_draft(shell);
      put_away_[page_].files = std::exchange(files_, std::exchange(put_away_[shown].files, {}));
      editor_.set_text(shown.second.empty() ? put_away_[shown].words : "");
    }
    adopted_ = born || shown.second.empty();
    saved_revision_ = born ? 0 : editor_.revision();
    page_ = shown;
  }
  if (!adopted_ && c.frame().view) {
    adopted_ = true;
    const bool typed_meanwhile = !editor_.empty();
    editor_.set_text(c.frame().view->draft + editor_.text());
    saved_revision_ = typed_meanwhile ? 0 : editor_.revision();
  }
  if (auto words = c.take_returned_words(); words && editor_.empty()) editor_.set_text(*words);
  if (adopted_ && editor_.revision() != saved_revision_) {
    if (save_at_ == 0) save_at_ = shell.ui.now() + draft_delay_seconds;
    if (shell.ui.now() >= save_at_) {
      save_draft(shell);
    } else {
      shell.ui.wake_at(save_at_);
    }
  }
}

bool ComposerPanel::may_send(const Shell& shell) const {
  if (shell.controller.obstacle() != Obstacle::none) return false;
  return !editor_.empty() || !files_.empty() || shell.page_has_words;
}

void ComposerPanel::submit(Shell& shell) {
  if (!may_send(shell)) return;
  std::string text = editor_.text();
  if (text.find_first_not_of(" \t\n") == std::string::npos && files_.empty()) {
    const auto& view = shell.controller.frame().view;
    if (view && !view->path.empty()) {
      shell.controller.continue_reply();
    } else {
      shell.controller.save_page();
      shell.ask.continue_page = true;
    }
    return;
  }
  if (shell.controller.mode() == Mode::story) text = joined_to_page(shell, std::move(text));
  if (!files_.empty()) text = with_attachments(text, files_.files());
  files_.clear();
  editor_.set_text("");
  save_draft(shell);
  shell.controller.send(text);
  shell.ask.jump_to_end = true;
}

void ComposerPanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  follow_session(shell);
  const bool story = shell.controller.mode() == Mode::story;
  const float width = std::floor(std::min(area.GetWidth() - ui.px(2 * space::l), ui.px(784)));
  const float x = std::floor(area.Min.x + (area.GetWidth() - width) / 2);
  for (const std::string& path : std::exchange(shell.ask.attach, {})) files_.add(shell, path);
  const float chips = files_.height(ui);
  const ImRect box(x, area.Min.y, x + width, area.Min.y + chips + text_height_ + ui.px(12));
  ui.fill(box, ui.color().raised, 14);
  const float button = ui.px(36);
  const char* blocked = obstacle_key(shell.controller.obstacle());
  text::EditBox look{.size_px = ui.px(type::prose), .text = ui.color().text, .placeholder_colour = ui.color().text_faint,
                     .selection = ui.color().selection, .caret = ui.color().accent,
                     .placeholder = ui.tr(story ? "composer.story" : "composer.chat"), .padding = ui.px(10), .min_lines = 1, .max_lines = 9,
                     .submit_on_enter = true};
  look.take_focus = std::exchange(want_focus_, false) || std::exchange(shell.ask.focus_composer, false);
  const float left = story ? ui.px(4) : ui.px(40);  // a chat has the button for files there
  if (chips > 0) files_.draw(shell, ImVec2(box.Min.x + ui.px(10), box.Min.y + ui.px(8)), width - ui.px(20));
  if (!story) draw_attach(shell, ImRect(box.Min.x + ui.px(8), box.Max.y - ui.px(44), box.Min.x + ui.px(44), box.Max.y - ui.px(8)));
  ImGui::SetCursorScreenPos(ImVec2(box.Min.x + left, box.Min.y + chips + ui.px(6)));
  const auto result = text::edit_box(ui.engine, "composer.input", editor_, ui.input, ui.clipboard, look, ImVec2(width - button - left - ui.px(14), 0));
  if (std::fabs(result.height - text_height_) > 0.5f) {
    text_height_ = result.height;
    ui.wake_at(ui.now());
  }
  focused_ = result.focused;
  if (focused_) ui.focus("composer.input");
  if (result.animating) ui.wake_at(ui.now());
  ui.record("composer.input", ui.tr(story ? "composer.story" : "composer.chat"), ImRect(ImVec2(box.Min.x + left, box.Min.y + chips), ImVec2(box.Max.x - button - ui.px(10), box.Max.y)), true, focused_);
  ui.stroke(box, focused_ ? ui.color().accent : ui.color().outline, 14, focused_ ? 1.5f : 1.0f);
  const float inset = ui.px(8);
  draw_button(shell, ImRect(box.Max.x - button - inset, box.Max.y - button - inset, box.Max.x - inset, box.Max.y - inset));
  if (result.submitted) submit(shell);
  const ImRect hint(box.Min.x + ui.px(6), box.Max.y + ui.px(4), box.Max.x, box.Max.y + ui.px(26));
  if (blocked != nullptr) {
    ui.text_in(hint, ui.tr(blocked), {.size = type::small, .color = ui.color().warning}, 0);
  } else {
    const char* key = shell.controller.generating() ? "composer.hint_stop" : story ? "composer.hint_story" : "composer.hint_chat";
    ui.text_in(hint, ui.tr(key), {.size = type::caption, .color = ui.color().text_faint}, 0);
  }
}

void ComposerPanel::draw_attach(Shell& shell, const ImRect& box) {
  if (shell.ui.icon_button("composer.attach", Icon::file, shell.ui.tr("attach.button"), box, true, false, 17)) shell.ask.file = FileTask::attach;
}

void ComposerPanel::draw_button(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  const bool generating = shell.controller.generating();
  const bool enabled = generating || may_send(shell);
  const bool continues = !generating && shell.controller.mode() == Mode::story && editor_.empty();
  const std::string& label = ui.tr(generating ? "action.stop" : continues ? "action.continue" : "action.send");
  const Hit hit = ui.interact(generating ? "composer.stop" : "composer.send", label, box, enabled, 10);
  const Palette& c = ui.color();
  ui.fill(box, !enabled ? c.hover : generating ? c.text : c.accent, 10);
  if (hit.hovered || hit.held) ui.fill(box, hit.held ? c.active : c.hover, 10);
  const ImU32 ink = !enabled ? with_alpha(c.text_faint, 0.7f) : generating ? c.window : c.on_accent;
  ui.icon(generating ? Icon::stop : continues ? Icon::play : Icon::send, box, 18, ink);
  if (hit.hovered) ui.tooltip(box, label);
  if (!hit.clicked) return;
  if (generating) {
    shell.controller.stop();
  } else {
    submit(shell);
  }
  want_focus_ = true;
}

}  // namespace fabula::gui
