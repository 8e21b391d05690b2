#include "app/gui/panels/message_row.h"

#include <algorithm>
#include <vector>

namespace fabula::gui {
namespace {

using session::Role;

constexpr float button_dp = 28;

struct Action {
  const char *suffix, *label;
  Icon icon;
};

std::vector<Action> actions(const MessageRow& row) {
  std::vector<Action> list = {{".copy", "action.copy", Icon::copy}, {".edit", "action.edit", Icon::pencil}};
  const bool reply = row.message->role == Role::assistant;
  if (reply && row.last) {
    list.push_back({".regenerate", "action.regenerate", Icon::regenerate});
    list.push_back({".continue", "action.continue", Icon::play});
  }
  if (!row.last) list.push_back({".rollback", "action.rollback_here", Icon::undo});
  list.push_back({".branch", "action.branch", Icon::branch});
  list.push_back({".delete", "action.delete_message", Icon::trash});
  return list;
}

void run(Shell& shell, const MessageRow& row, Icon icon) {
  Controller& controller = shell.controller;
  const session::Message& message = *row.message;
  switch (icon) {
    case Icon::copy:
      shell.ui.clipboard.set(message.text);
      controller.say(session::Notice::Kind::info, shell.ui.tr("toast.copied"));
      break;
    case Icon::pencil: shell.ask.edit_message = message.id; break;
    case Icon::regenerate: controller.regenerate(); break;
    case Icon::play: controller.continue_reply(); break;
    case Icon::undo: open_rollback_question(shell, message.id); break;
    case Icon::branch: controller.branch(message.id); break;
    default: controller.remove_message(message.id); break;
  }
}

// ‹ 2/3 › in a row, or one below the other in a margin. Returns where it ends, as draw_message_row does.
float draw_alternatives(Shell& shell, const MessageRow& row, const std::string& id, ImVec2 at) {
  Ui& ui = shell.ui;
  const session::Message& m = *row.message;
  const float button = ui.px(button_dp), narrow = ui.px(20);
  const std::string count = std::to_string(m.sibling_index + 1) + "/" + std::to_string(m.siblings);
  const TextLook look{.size = type::small, .color = ui.color().text_soft};
  const float width = ui.measure(count, look).x + ui.px(6);
  ImRect previous(at.x, at.y, at.x + narrow, at.y + button), label(previous.Max.x, at.y, previous.Max.x + width, at.y + button);
  ImRect next(label.Max.x, at.y, label.Max.x + narrow, at.y + button);
  if (row.vertical) {
    previous = ImRect(at.x, at.y, at.x + button, at.y + narrow);
    label = ImRect(at.x - ui.px(6), previous.Max.y, at.x + button + ui.px(6), previous.Max.y + narrow);
    next = ImRect(at.x, label.Max.y, at.x + button, label.Max.y + narrow);
  }
  const bool may_go_back = !row.generating && m.sibling_index > 0, may_go_on = !row.generating && m.sibling_index + 1 < m.siblings;
  if (!row.shown) {
    ui.record(id + ".previous", ui.tr("action.previous"), previous, may_go_back);
    ui.record(id + ".next", ui.tr("action.next"), next, may_go_on);
  } else {
    ui.text_in(label, count, look);
    if (ui.icon_button(id + ".previous", Icon::chevron_left, ui.tr("action.previous"), previous, may_go_back, false, 13)) {
      shell.controller.select_sibling(m.id, -1);
    }
    if (ui.icon_button(id + ".next", Icon::chevron_right, ui.tr("action.next"), next, may_go_on, false, 13)) shell.controller.select_sibling(m.id, 1);
  }
  return row.vertical ? next.Max.y + ui.px(4) : next.Max.x + ui.px(4);
}

}  // namespace

float message_row_length(const Ui& ui, const MessageRow& row) {
  const float alternatives = row.message->siblings > 1 ? (row.vertical ? 64.0f : 76.0f) : 0.0f;
  return ui.px(button_dp * static_cast<float>(actions(row).size()) + alternatives);
}

float draw_message_row(Shell& shell, const MessageRow& row, ImVec2 at) {
  Ui& ui = shell.ui;
  const std::string id = "message." + std::to_string(row.number);
  const float button = ui.px(button_dp);
  if (row.message->siblings > 1) {
    (row.vertical ? at.y : at.x) = draw_alternatives(shell, row, id, at);
  }
  for (const Action& action : actions(row)) {
    const ImRect box(at.x, at.y, at.x + button, at.y + button);
    (row.vertical ? at.y : at.x) += button;
    const std::string name = id + action.suffix;
    const bool enabled = !row.generating || action.icon == Icon::copy;
    if (!row.shown && !(ui.focus_visible() && ui.focused() == name)) {
      ui.record(name, ui.tr(action.label), box, enabled);
    } else if (ui.icon_button(name, action.icon, ui.tr(action.label), box, enabled, false, 15)) {
      run(shell, row, action.icon);
    }
  }
  return row.vertical ? at.y : at.x;
}

std::optional<size_t> take_revealed(Shell& shell) {
  const auto& view = shell.controller.frame().view;
  if (shell.ask.reveal_message.empty() || !view || view->info.id != shell.ask.reveal_session) return std::nullopt;
  std::string& wanted = shell.ask.reveal_message;
  const auto found = std::find_if(view->path.begin(), view->path.end(), [&](const auto& m) { return m->id == wanted; });
  if (found != view->path.end()) {
    if (shell.ask.reveal_left != 0) shell.controller.say(session::Notice::Kind::info, shell.ui.tr("search.branch_shown"));
    wanted.clear();
    return static_cast<size_t>(found - view->path.begin());
  }
  if (shell.ask.reveal_left == 0 && !shell.controller.generating()) {
    shell.ask.reveal_left = view->revision;
    shell.controller.go_to_branch_of(wanted);
  } else if (shell.ask.reveal_left != view->revision) {  // a reply is being written, or it could not be gone to
    wanted.clear();
    shell.outline_open = true;
    shell.controller.say(session::Notice::Kind::info, shell.ui.tr("search.other_branch"));
  }
  return std::nullopt;
}

void open_rollback_question(Shell& shell, const std::string& message) { shell.ask.rollback_message = message; }

void draw_rollback_question(Shell& shell) {
  Ui& ui = shell.ui;
  const auto& view = shell.controller.frame().view;
  const auto place = [&]() -> size_t {
    if (!view) return 0;
    const auto found = std::find_if(view->path.begin(), view->path.end(), [&](const auto& m) { return m->id == shell.ask.rollback_message; });
    return static_cast<size_t>(found - view->path.begin());
  };
  if (shell.ask.rollback_message.empty()) return;
  const size_t at = place();
  if (!view || at + 1 >= view->path.size() || shell.controller.generating()) return shell.ask.rollback_message.clear();
  if (!ImGui::IsPopupOpen("rollback.ask")) ImGui::OpenPopup("rollback.ask");
  if (!ui.begin_dialog("rollback.ask", ui.tr("rollback.title"), 420, 190)) return shell.ask.rollback_message.clear();
  int64_t tokens = 0;
  for (size_t i = at + 1; i < view->path.size(); ++i) tokens += static_cast<int64_t>(view->path[i]->tokens.size());
  const auto dropped = static_cast<int64_t>(view->path.size() - at - 1);
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  const char* key = view->info.mode == session::Mode::story ? "rollback.drops_passages" : "rollback.drops_messages";
  std::string words = ui.tr.count(key, dropped);
  if (tokens > 0) words += ui.tr.format("rollback.tokens", {std::to_string(tokens)});
  float y = start.y + ui.paragraph(start, words, {}, width) + ui.px(6);
  ui.paragraph(ImVec2(start.x, y), ui.tr("rollback.kept"), {.size = type::small, .color = ui.color().text_soft}, width);
  const float bottom = ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18), height = ui.px(34);
  const float confirm_width = ui.button_width(ui.tr("rollback.confirm"), false), cancel_width = ui.button_width(ui.tr("action.cancel"), false);
  const float right = start.x + width;
  bool close = false;
  if (ui.button("rollback.cancel", ui.tr("action.cancel"),
                ImRect(right - confirm_width - cancel_width - ui.px(8), bottom - height, right - confirm_width - ui.px(8), bottom))) {
    close = true;
  }
  if (ui.button("rollback.confirm", ui.tr("rollback.confirm"), ImRect(right - confirm_width, bottom - height, right, bottom), {.kind = ButtonKind::primary})) {
    shell.controller.rollback(view->info.id, view->path[at]->id);
    close = true;
  }
  if (close) ImGui::CloseCurrentPopup();
  ui.end_dialog();
  if (!ImGui::IsPopupOpen("rollback.ask")) shell.ask.rollback_message.clear();  // also by the corner's button
}

}  // namespace fabula::gui
