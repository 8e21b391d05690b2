// Keys and commands of the window (the list that menus, palette, shortcuts and the F1 sheet share).
#include <GLFW/glfw3.h>

#include <algorithm>

#include "app/gui/app.h"

namespace fabula::gui {
namespace {

using session::Mode;
constexpr int ctrl = GLFW_MOD_CONTROL, shift = GLFW_MOD_SHIFT;

// The keys that text fields understand.
std::optional<text::Key> text_key(int key) {
  switch (key) {
    case GLFW_KEY_LEFT: return text::Key::left;
    case GLFW_KEY_RIGHT: return text::Key::right;
    case GLFW_KEY_UP: return text::Key::up;
    case GLFW_KEY_DOWN: return text::Key::down;
    case GLFW_KEY_HOME: return text::Key::home;
    case GLFW_KEY_END: return text::Key::end;
    case GLFW_KEY_PAGE_UP: return text::Key::page_up;
    case GLFW_KEY_PAGE_DOWN: return text::Key::page_down;
    case GLFW_KEY_BACKSPACE: return text::Key::backspace;
    case GLFW_KEY_DELETE: return text::Key::del;
    case GLFW_KEY_ENTER:
    case GLFW_KEY_KP_ENTER: return text::Key::enter;
    case GLFW_KEY_TAB: return text::Key::tab;
    case GLFW_KEY_ESCAPE: return text::Key::escape;
    case GLFW_KEY_A: return text::Key::a;
    case GLFW_KEY_C: return text::Key::c;
    case GLFW_KEY_V: return text::Key::v;
    case GLFW_KEY_X: return text::Key::x;
    case GLFW_KEY_Y: return text::Key::y;
    case GLFW_KEY_Z: return text::Key::z;
    default: return std::nullopt;
  }
}

// A menu, or a list of choices, is what is open on top: the arrows walk through it.
bool menu_open() {
  const auto& popups = ImGui::GetCurrentContext()->OpenPopupStack;
  const ImGuiWindow* top = popups.empty() ? nullptr : popups.back().Window;
  return top != nullptr && (top->Flags & ImGuiWindowFlags_Modal) == 0;
}

// Keys that may give another field the focus, or open and close one.
bool may_move_focus(const WindowEvent& event) {
  if (event.kind != WindowEvent::Kind::key) return false;
  if ((event.modifiers & (ctrl | GLFW_MOD_ALT | GLFW_MOD_SUPER)) != 0) return true;
  switch (event.key) {
    case GLFW_KEY_TAB:
    case GLFW_KEY_ESCAPE:
    case GLFW_KEY_ENTER:
    case GLFW_KEY_KP_ENTER: return true;
    default: return event.key >= GLFW_KEY_F1 && event.key <= GLFW_KEY_F25;
  }
}

}  // namespace

// Fields take what was typed while they are drawn. Of what came during one slow frame, a key that may move the focus therefore waits for the
// frame after the words before it, and the words after it for the one after that.
void App::handle_events() {
  const std::vector<WindowEvent> events = window_.take_events();
  for (size_t i = 0; i < events.size(); ++i) {
    const bool moves = may_move_focus(events[i]);
    if (moves && !ui_.input.empty()) return window_.put_back(std::span(events).subspan(i));
    handle_event(events[i]);
    if (moves) return window_.put_back(std::span(events).subspan(i + 1));
  }
}

void App::handle_event(const WindowEvent& event) {
  if (event.kind == WindowEvent::Kind::key) return handle_key(event);
  // A character that no field waits for is meant for the composer; Space presses what has the focus.
  const bool field_active = ImGui::GetCurrentContext()->ActiveId != 0 && !ImGui::IsMouseDown(0);
  if (!field_active && ui_.focus_visible() && event.character == U' ') return;
  if (!field_active && !dialog_open()) shell_.ask.focus_composer = true;
  ui_.input.push_character(event.character);
}

void App::handle_key(const WindowEvent& event) {
  if (event.composing) return;  // the input method's
  if (settings_window_.take_key(shell_, event.key, event.modifiers & (ctrl | shift | GLFW_MOD_ALT))) return;
  const bool dialog = dialog_open();
  if (handle_plain_key(event, dialog)) return;
  // While text is being written, Ctrl+Z belongs to it.
  const bool undo_key = event.key == GLFW_KEY_Z && (event.modifiers & ctrl) != 0;
  const bool text_undo = undo_key && composer_.focused() && !composer_.empty();
  if (!dialog && !text_undo && commands_.press(event.key, event.modifiers)) {
    window_.settle();
    return;
  }
  if (const auto key = text_key(event.key)) {
    ui_.input.push_key({*key, (event.modifiers & ctrl) != 0, (event.modifiers & shift) != 0, (event.modifiers & GLFW_MOD_ALT) != 0});
  }
}

// Esc, Tab, arrows and Enter where no field takes them. true: used.
bool App::handle_plain_key(const WindowEvent& event, bool dialog) {
  const bool plain = (event.modifiers & (ctrl | GLFW_MOD_ALT | GLFW_MOD_SUPER)) == 0;
  if (!plain) return false;
  const bool on_button = ui_.focus_visible() && ImGui::GetCurrentContext()->ActiveId == 0;
  const bool empty_composer = !dialog && composer_.focused() && composer_.empty() && (event.modifiers & shift) == 0;
  switch (event.key) {
    case GLFW_KEY_ESCAPE: return escape(), true;
    case GLFW_KEY_TAB:
      ImGui::ClearActiveID();
      ui_.move_focus((event.modifiers & shift) != 0 ? -1 : 1);
      return true;
    case GLFW_KEY_ENTER:
    case GLFW_KEY_KP_ENTER:
    case GLFW_KEY_SPACE:
      if (on_button) ui_.activate_focused();
      return on_button;
    case GLFW_KEY_UP:
    case GLFW_KEY_DOWN:
      if (menu_open() && ImGui::GetCurrentContext()->ActiveId == 0) return ui_.move_focus(event.key == GLFW_KEY_DOWN ? 1 : -1), true;
      if (dialog || on_button) return ui_.push_arrow(event.key == GLFW_KEY_DOWN ? 1 : -1), true;
      if (empty_composer && event.key == GLFW_KEY_UP) return edit_last_own(), true;
      return false;
    case GLFW_KEY_LEFT:
    case GLFW_KEY_RIGHT:
      if (on_button) return ui_.push_arrow(event.key == GLFW_KEY_RIGHT ? 1 : -1), true;
      return empty_composer && walk_alternatives(event.key == GLFW_KEY_RIGHT ? 1 : -1);
    default: return false;
  }
}

void App::escape() {
  shell_.ask.rollback_message.clear();
  if (ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId)) {
    ImGui::ClosePopupToLevel(std::max(0, ImGui::GetCurrentContext()->OpenPopupStack.Size - 1), true);
    shell_.ask.focus_composer = true;
  } else if (shell_.find_open && ui_.focused().starts_with("find.")) {
    shell_.ask.close_find = true;
  } else if (ui_.focused() == "sidebar.rename" || ui_.focused() == "edit.input" || ui_.focused() == "sidebar.search") {
    ui_.input.push_key({text::Key::escape});
    shell_.ask.focus_composer = ui_.focused() == "sidebar.search";
  } else if (controller_.generating()) {
    controller_.stop();
  } else if (shell_.find_open) {
    shell_.ask.close_find = true;
  } else {
    ui_.hide_focus();
    shell_.ask.focus_composer = true;
  }
}

void App::edit_last_own() {
  const auto& view = controller_.frame().view;
  if (!view || controller_.generating()) return;
  for (size_t i = view->path.size(); i-- > 0;) {
    if (view->path[i]->role != session::Role::user) continue;
    shell_.ask.edit_message = view->path[i]->id;
    return;
  }
}

bool App::walk_alternatives(int step) {
  const auto& view = controller_.frame().view;
  if (!view || view->path.empty() || view->path.back()->siblings < 2 || controller_.generating()) return false;
  controller_.select_sibling(view->path.back()->id, step);
  return true;
}

// ---- the commands

void App::add_commands() {
  const auto has_session = [this] { return controller_.frame().view != nullptr; };
  const auto has_reply = [this] {
    const auto& view = controller_.frame().view;
    return view && !view->path.empty() && controller_.obstacle() == Controller::Obstacle::none;
  };
  const auto idle = [this] { return controller_.frame().view != nullptr && !controller_.generating(); };
  commands_.add({"new", Menu::file, 0, {GLFW_KEY_N, ctrl}, [this] {
                   controller_.new_session();
                   shell_.ask.focus_composer = true;
                 }});
  commands_.add({"import", Menu::file, 1, {}, [this] { shell_.ask.file = FileTask::import_session; }});
  commands_.add({"export", Menu::file, 1, {GLFW_KEY_E, ctrl}, [this] {
                   shell_.ask.file = FileTask::export_session;
                   shell_.ask.file_session = controller_.current();
                 }, has_session});
  commands_.add({"export_all", Menu::file, 1, {}, [this] { shell_.ask.file = FileTask::export_all; }});
  commands_.add({"pin", Menu::file, 2, {}, [this] {
                   const auto& view = controller_.frame().view;
                   if (view) controller_.set_pinned(view->info.id, !view->info.pinned);
                 }, has_session, [this] { return controller_.frame().view && controller_.frame().view->info.pinned; }});
  commands_.add({"labels", Menu::file, 2, {}, [this] { shell_.ask.label_session = controller_.current(); }, has_session});
  commands_.add({"duplicate", Menu::file, 2, {}, [this] { controller_.duplicate(controller_.current()); }, has_session});
  commands_.add({"trash", Menu::file, 2, {}, [this] {
                   settings_.sidebar_open = true;
                   shell_.ask.trash = true;
                 }});
  commands_.add({"delete_session", Menu::file, 2, {}, [this] { controller_.remove(controller_.current()); }, has_session});
  commands_.add({"quit", Menu::file, 3, {GLFW_KEY_Q, ctrl}, [this] { window_.request_close(); }});

  commands_.add({"undo", Menu::edit, 0, {GLFW_KEY_Z, ctrl}, [this] {
                   const bool typed = controller_.mode() == Mode::story && story_.undo(shell_);
                   if (!typed && !controller_.generating()) controller_.undo();
                 }, [this, idle] { return idle() || story_.can_undo(); }});
  commands_.add({"redo", Menu::edit, 0, {GLFW_KEY_Z, ctrl | shift}, [this] {
                   const bool typed = controller_.mode() == Mode::story && story_.redo(shell_);
                   if (!typed && !controller_.generating()) controller_.redo();
                 }, [this, idle] { return idle() || story_.can_redo(); }, {}, {GLFW_KEY_Y, ctrl}});
  commands_.add({"continue", Menu::edit, 1, {GLFW_KEY_ENTER, ctrl}, [this] {
                   if (ui_.focused() == "edit.input") return ui_.input.push_key({.key = text::Key::enter, .ctrl = true});
                   composer_.submit(shell_);
                 }});
  commands_.add({"regenerate", Menu::edit, 1, {GLFW_KEY_R, ctrl}, [this] { controller_.regenerate(); }, has_reply});
  commands_.add({"replay", Menu::edit, 1, {}, [this] { controller_.replay(); }, has_reply});
  commands_.add({"stop", Menu::edit, 1, {GLFW_KEY_ESCAPE, 0}, [this] { controller_.stop(); }, [this] { return controller_.generating(); }});
  commands_.add({"find", Menu::edit, 3, {GLFW_KEY_F, ctrl}, [this] { shell_.ask.find = true; }, has_session});
  commands_.add({"memory", Menu::edit, 3, {GLFW_KEY_M, ctrl}, [this] { shell_.ask.memory = true; }, [this] { return controller_.mode() == Mode::story; }});
  commands_.add({"rollback_last", Menu::edit, 2, {}, [this] { controller_.rollback_last_exchange(controller_.current()); }, idle});
  commands_.add({"rename", Menu::edit, 2, {GLFW_KEY_F2, 0}, [this] {
                   settings_.sidebar_open = true;
                   shell_.ask.rename_session = controller_.current();
                 }, has_session});
  commands_.add({"server", Menu::model, 3, {}, [this] { shell_.ask.server = true; }});
  commands_.add({"settings", Menu::edit, 4, {GLFW_KEY_COMMA, ctrl}, [this] { shell_.ask.settings = true; }});
  add_view_commands();
  add_model_commands();
}

void App::add_view_commands() {
  const auto toggle = [this](bool Settings::*field) {
    return [this, field] {
      settings_.*field = !(settings_.*field);
      controller_.save_settings();
    };
  };
  commands_.add({"palette", Menu::view, 0, {GLFW_KEY_K, ctrl}, [this] { shell_.ask.palette = true; }});
  commands_.add({"search", Menu::view, 0, {GLFW_KEY_F, ctrl | shift}, [this] {
                   settings_.sidebar_open = true;
                   shell_.ask.focus_search = true;
                 }});
  commands_.add({"sidebar", Menu::view, 1, {GLFW_KEY_B, ctrl}, toggle(&Settings::sidebar_open), {}, [this] { return settings_.sidebar_open; }});
  commands_.add({"panel", Menu::view, 1, {GLFW_KEY_B, ctrl | shift}, toggle(&Settings::panel_open), {}, [this] { return settings_.panel_open; }});
  commands_.add({"outline", Menu::view, 1, {GLFW_KEY_O, ctrl | shift}, [this] { shell_.outline_open = !shell_.outline_open; }, {}, [this] { return shell_.outline_open; }});
  commands_.add({"latest", Menu::view, 1, {GLFW_KEY_END, ctrl}, [this] { shell_.ask.jump_to_end = true; }, [this] { return !story_.focused(); }});
  for (const char* name : {"system", "light", "dark"}) {
    const char* id = name[0] == 's' ? "theme_system" : name[0] == 'l' ? "theme_light" : "theme_dark";
    commands_.add({id, Menu::view, 2, {}, [this, name] { set_theme(name); }, {}, [this, name] { return settings_.theme == name; }});
  }
  const auto language = [this](std::string_view id, std::string_view code) {
    commands_.add({id, Menu::view, 3, {}, [this, code] {
                     settings_.language = code;
                     controller_.save_settings();
                   }, {}, [this, code] { return settings_.language == code; }});
  };
  language("language_system", "system");
  for (const Language& each : Strings::languages()) language(each.command, each.code);
  commands_.add({"zoom_in", Menu::view, 4, {GLFW_KEY_EQUAL, ctrl}, [this] { set_zoom(settings_.zoom + 0.1f); }, {}, {}, {GLFW_KEY_EQUAL, ctrl | shift}});
  commands_.add({"zoom_out", Menu::view, 4, {GLFW_KEY_MINUS, ctrl}, [this] { set_zoom(settings_.zoom - 0.1f); }});
  commands_.add({"zoom_reset", Menu::view, 4, {GLFW_KEY_0, ctrl}, [this] { set_zoom(1); }});
}

void App::add_model_commands() {
  commands_.add({"story", Menu::mode, 0, {GLFW_KEY_1, ctrl}, [this] { controller_.set_mode(Mode::story); }, {}, [this] { return controller_.mode() == Mode::story; }});
  commands_.add({"chat", Menu::mode, 0, {GLFW_KEY_2, ctrl}, [this] { controller_.set_mode(Mode::chat); }, {}, [this] { return controller_.mode() == Mode::chat; }});
  using Phase = session::ModelState::Phase;
  commands_.add({"open_model", Menu::model, 0, {GLFW_KEY_O, ctrl}, [this] { shell_.ask.file = FileTask::open_model; }});
  commands_.add({"models", Menu::model, 0, {GLFW_KEY_M, ctrl | shift}, [this] { shell_.ask.models = true; }});
  commands_.add({"find_models", Menu::model, 0, {}, [this] { models_.look_again(); }});
  commands_.add({"reload_model", Menu::model, 1, {}, [this] { controller_.reload_model(); }, [this] { return !settings_.of(controller_.mode()).model.empty(); }});
  commands_.add({"unload_model", Menu::model, 1, {}, [this] { controller_.unload_model(); }, [this] { return controller_.frame().model.phase == Phase::ready; }});
  commands_.add({"key_bindings", Menu::help, 0, {}, [this] { shell_.ask.key_bindings = true; }});
  commands_.add({"shortcuts", Menu::help, 0, {GLFW_KEY_F1, 0}, [this] { shell_.ask.shortcuts = true; }});
  commands_.add({"about", Menu::help, 0, {}, [this] { shell_.ask.about = true; }});
}

}  // namespace fabula::gui
