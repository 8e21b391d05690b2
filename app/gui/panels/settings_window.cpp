#include "app/gui/panels/settings_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>

#include "core/base/paths.h"

namespace fabula::gui {
namespace {

namespace fs = std::filesystem;

// One row of the General page: how a setting is shown and changed. Adding a setting is a field of Settings and a row here.
struct Row {
  const char* id;    // of the widget; its words are the string of the same name
  const char* hint;  // a string, or ""
  std::function<void(Shell&, const ImRect&)> draw;
};

void choice_of_texts(Shell& shell, const char* id, const ImRect& box, std::string Settings::*field, const std::vector<std::string>& values,
                     const std::vector<std::string>& names) {
  const auto now = static_cast<int>(std::find(values.begin(), values.end(), shell.settings.*field) - values.begin());
  const int chosen = shell.ui.choice(id, shell.ui.tr(id), box, names, now);
  if (chosen < 0) return;
  shell.settings.*field = values[static_cast<size_t>(chosen)];
  shell.controller.save_settings();
}

void draw_theme(Shell& shell, const ImRect& box) {
  const Strings& tr = shell.ui.tr;
  choice_of_texts(shell, "settings.theme", box, &Settings::theme, {"system", "light", "dark"},
                  {tr("command.theme_system"), tr("command.theme_light"), tr("command.theme_dark")});
}

void draw_language(Shell& shell, const ImRect& box) {
  std::vector<std::string> values = {"system"}, names = {shell.ui.tr("command.language_system")};
  for (const Language& language : Strings::languages()) {
    values.emplace_back(language.code);
    names.emplace_back(language.name);
  }
  choice_of_texts(shell, "settings.language", box, &Settings::language, values, names);
}

void draw_zoom(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  const float button = ui.px(34), middle = ui.px(64);
  if (ui.button("settings.zoom_out", "−", ImRect(box.Min, ImVec2(box.Min.x + button, box.Max.y)))) shell.commands.run("zoom_out");
  ui.text_in(ImRect(box.Min.x + button, box.Min.y, box.Min.x + button + middle, box.Max.y), fmt::format("{:.0f} %", 100 * shell.settings.zoom), {});
  const float x = box.Min.x + button + middle;
  if (ui.button("settings.zoom_in", "+", ImRect(x, box.Min.y, x + button, box.Max.y))) shell.commands.run("zoom_in");
}

void draw_toggle(Shell& shell, const char* id, const ImRect& box, bool Settings::*field) {
  bool on = shell.settings.*field;
  if (!shell.ui.toggle(id, "", ImRect(box.Max.x - shell.ui.px(40), box.Min.y, box.Max.x, box.Max.y), on)) return;
  shell.settings.*field = on;
  shell.controller.save_settings();
}

void draw_idle(Shell& shell, const ImRect& box) {
  const Strings& tr = shell.ui.tr;
  std::vector<int64_t> minutes = {0, 15, 60, 240};
  const int64_t now = shell.settings.idle_unload_minutes;
  if (std::find(minutes.begin(), minutes.end(), now) == minutes.end()) minutes.push_back(now);
  std::vector<std::string> names;
  for (const int64_t m : minutes)
    names.push_back(m == 0 ? tr("settings.idle_never") : m == 60 ? tr("settings.idle_hour") : m % 60 == 0 ? tr.format("settings.idle_hours", {std::to_string(m / 60)}) : tr.format("settings.idle_minutes", {std::to_string(m)}));
  const auto current = static_cast<int>(std::find(minutes.begin(), minutes.end(), now) - minutes.begin());
  const int chosen = shell.ui.choice("settings.idle", tr("settings.idle"), box, names, current);
  if (chosen >= 0) shell.controller.set_idle_unload(minutes[static_cast<size_t>(chosen)]);
}

void draw_ask_above(Shell& shell, const ImRect& box) {
  const std::vector<float> values = {0, 2, 5, 10, 30, 60};
  std::vector<std::string> names;
  for (const float seconds : values) names.push_back(seconds > 0 ? shell.ui.tr.format("settings.ask_above_seconds", {fmt::format("{:.0f}", seconds)}) : shell.ui.tr("settings.ask_never"));
  const auto now = static_cast<int>(std::find(values.begin(), values.end(), shell.settings.ask_above_seconds) - values.begin());
  const int chosen = shell.ui.choice("settings.ask_above", shell.ui.tr("settings.ask_above"), box, names, now);
  if (chosen < 0) return;
  shell.settings.ask_above_seconds = values[static_cast<size_t>(chosen)];
  shell.controller.save_settings();
}

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"settings.theme", "", draw_theme},
      {"settings.language", "", draw_language},
      {"settings.zoom", "", draw_zoom},
      {"settings.notify", "settings.notify_hint",
       [](Shell& shell, const ImRect& box) { draw_toggle(shell, "settings.notify", box, &Settings::notify); }},
      {"settings.idle", "settings.idle_hint", draw_idle},
      {"settings.ask_above", "settings.ask_above_hint", draw_ask_above},
  };
  return table;
}

std::string size_words(uint64_t bytes) {
  const auto b = static_cast<double>(bytes);
  return b >= 1e9 ? fmt::format("{:.2f} GB", b / 1e9) : fmt::format("{:.1f} MB", b / 1e6);
}

}  // namespace

void SettingsWindow::draw(Shell& shell) {
  Ui& ui = shell.ui;
  if (std::exchange(shell.ask.settings, false)) ImGui::OpenPopup("settings");
  if (std::exchange(shell.ask.key_bindings, false)) {
    page_ = Page::keys;
    ImGui::OpenPopup("settings");
  }
  const bool open = ui.begin_dialog("settings", ui.tr("settings.title"), 780, 560);
  if (open && !open_) cache_->measured = false;
  open_ = open;
  if (!open) return waiting_.clear();
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float pages = ui.px(168);
  draw_pages(shell, ImRect(start, ImVec2(start.x + pages, start.y + room.y)));
  ImGui::SetCursorScreenPos(ImVec2(start.x + pages + ui.px(20), start.y));
  if (ImGui::BeginChild("settings.page", ImVec2(room.x - pages - ui.px(20), room.y))) {
    const ImVec2 top = ImGui::GetCursorScreenPos();
    Column column{top.x, top.y, ImGui::GetContentRegionAvail().x - ui.px(14)};
    switch (page_) {
      case Page::general: draw_general(shell, column); break;
      case Page::keys: draw_keys(shell, column); break;
      case Page::storage: draw_storage(shell, column); break;
    }
    ImGui::SetCursorScreenPos(top);
    ImGui::Dummy(ImVec2(1, column.y - top.y));
  }
  ImGui::EndChild();
  ui.end_dialog();
}

void SettingsWindow::draw_pages(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  const struct {
    Page page;
    const char* id;
    Icon icon;
  } pages[] = {{Page::general, "settings.general", Icon::gear}, {Page::keys, "settings.keys", Icon::pencil}, {Page::storage, "settings.storage", Icon::cube}};
  Column column{box.Min.x, box.Min.y, box.GetWidth()};
  for (const auto& entry : pages) {
    const ImRect row = column.take(ui.px(34), ui.px(2));
    const Hit hit = ui.interact(entry.id, ui.tr(entry.id), row);
    const bool on = page_ == entry.page;
    if (on) ui.fill(row, ui.color().accent_soft, radius::control);
    if (hit.hovered && !on) ui.fill(row, ui.color().hover, radius::control);
    ui.icon(entry.icon, ImRect(row.Min.x + ui.px(8), row.Min.y, row.Min.x + ui.px(28), row.Max.y), 15, on ? ui.color().accent : ui.color().text_soft);
    ui.text_in(ImRect(row.Min.x + ui.px(36), row.Min.y, row.Max.x - ui.px(6), row.Max.y), ui.tr(entry.id),
               {.weight = on ? text::FontWeight::semibold : text::FontWeight::regular}, 0);
    if (hit.clicked) page_ = entry.page;
  }
}

void SettingsWindow::draw_general(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  for (const Row& row : rows()) {
    const ImRect box = column.take(ui.px(36), ui.px(*row.hint == '\0' ? 12 : 2));
    const float middle = box.Min.x + box.GetWidth() * 0.5f;
    ui.text_in(ImRect(box.Min, ImVec2(middle, box.Max.y)), ui.tr(row.id), {}, 0);
    row.draw(shell, ImRect(middle, box.Min.y, box.Max.x, box.Max.y));
    if (*row.hint == '\0') continue;
    const TextLook soft{.size = type::small, .color = ui.color().text_faint};
    column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr(row.hint), soft, column.width) + ui.px(14);
  }
  ui.paragraph(ImVec2(column.x, column.y), ui.tr.format("settings.where", {shell.controller.places().settings_file().string()}),
               {.size = type::small, .color = ui.color().text_faint}, column.width);
  column.y += ui.px(40);
}

// ---- keys

void SettingsWindow::bind(Shell& shell, const std::string& command, const std::string& keys) {
  if (keys == shortcut_text(shell.commands.standard(command))) {
    shell.settings.keys.erase(command);
  } else {
    shell.settings.keys[command] = keys;
  }
  shell.commands.bind(shell.settings.keys);
  shell.controller.save_settings();
}

bool SettingsWindow::take_key(Shell& shell, int key, int modifiers) {
  if (waiting_.empty()) return false;
  const Shortcut pressed{key, modifiers};
  const std::string text = shortcut_text(pressed);
  if (text.empty()) return true;  // Ctrl alone: the key is still to come
  if (text == "Esc") {
    waiting_.clear();
  } else if (text == "Backspace") {
    bind(shell, std::exchange(waiting_, {}), "");
  } else if (may_be_bound(pressed)) {
    bind(shell, std::exchange(waiting_, {}), text);
  } else {
    refused_ = shell.ui.tr.format("settings.key_refused", {text});
    return true;
  }
  refused_.clear();
  return true;
}

void SettingsWindow::draw_keys(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("settings.key_filter"), .padding = ui.px(7)};
  const float reset = ui.button_width(ui.tr("settings.key_reset"), false, type::small);
  const ImRect top = column.take(ui.px(34), ui.px(6));
  ui.field("settings.key_filter", ui.tr("settings.key_filter"), filter_, ImRect(top.Min, ImVec2(top.Max.x - reset - ui.px(8), top.Max.y)), look, Icon::search);
  if (ui.button("settings.key_reset", ui.tr("settings.key_reset"), ImRect(top.Max.x - reset, top.Min.y, top.Max.x, top.Max.y),
                {.enabled = !shell.settings.keys.empty(), .text_size = type::small})) {
    shell.settings.keys.clear();
    shell.commands.bind(shell.settings.keys);
    shell.controller.save_settings();
  }
  const std::string& hint = refused_.empty() ? ui.tr("settings.key_hint") : refused_;
  column.y += ui.paragraph(ImVec2(column.x, column.y), hint, {.size = type::small, .color = refused_.empty() ? ui.color().text_faint : ui.color().warning}, column.width) + ui.px(8);
  const std::string wanted = filter_.text();
  for (const Command& command : shell.commands.list()) {
    const std::string& label = ui.tr("command." + std::string(command.id));
    if (!contains_folded(label, wanted) && !contains_folded(shortcut_text(command.shortcut), wanted)) continue;
    draw_key(shell, command, column.take(ui.px(34)));
  }
}

void SettingsWindow::draw_key(Shell& shell, const Command& command, const ImRect& row) {
  Ui& ui = shell.ui;
  const Palette& c = ui.color();
  const std::string id = "key." + std::string(command.id);
  const bool waiting = waiting_ == command.id, changed = shell.settings.keys.contains(std::string(command.id));
  const Command* rival = shell.commands.rival_or_null(command);
  const std::string keys = waiting ? ui.tr("settings.key_press") : command.shortcut.key == 0 ? ui.tr("settings.key_none") : shortcut_text(command.shortcut);
  const float undo = ui.px(26), cap_width = std::max(ui.px(96), ui.measure(keys, {.size = type::small}).x + ui.px(22));
  const ImRect cap(row.Max.x - undo - cap_width, row.Min.y + ui.px(3), row.Max.x - undo, row.Max.y - ui.px(3));
  const Hit hit = ui.interact(id, keys, cap, true, radius::small);
  ui.fill(cap, waiting ? c.accent_soft : c.hover, radius::small);
  if (waiting || hit.hovered) ui.stroke(cap, waiting ? c.accent : c.outline, radius::small);
  ui.text_in(cap, keys, {.size = type::small, .color = rival != nullptr ? c.danger : command.shortcut.key == 0 ? c.text_faint : c.text, .weight = text::FontWeight::medium});
  if (hit.clicked) {
    waiting_ = waiting ? "" : std::string(command.id);
    refused_.clear();
  }
  if (changed && ui.icon_button(id + ".reset", Icon::undo, ui.tr("settings.key_standard"), ImRect(row.Max.x - undo + ui.px(2), row.Min.y + ui.px(5), row.Max.x, row.Max.y - ui.px(5)), true, false, 13)) {
    bind(shell, std::string(command.id), shortcut_text(shell.commands.standard(command.id)));
  }
  std::string label = ui.tr("command." + std::string(command.id));
  if (rival != nullptr) label += "  ·  " + ui.tr.format("settings.key_rival", {ui.tr("command." + std::string(rival->id))});
  ui.text_in(ImRect(row.Min, ImVec2(cap.Min.x - ui.px(10), row.Max.y)), label, {.color = rival != nullptr ? c.danger : c.text}, 0);
}

// ---- storage

void SettingsWindow::measure_cache(Shell& shell) {
  cache_->measured = true;
  Background& background = shell.controller.background();
  background.run([&background, cache = cache_, folder = shell.controller.places().kv_folder()] {
    Cache found{0, 0, true};
    std::error_code error;
    for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end; !error && at != end; at.increment(error)) {
      std::error_code ignored;
      if (!at->is_regular_file(ignored)) continue;
      found.bytes += at->file_size(ignored);
      ++found.files;
    }
    background.post([cache, found] { *cache = found; });
  });
}

void SettingsWindow::draw_storage(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  if (!cache_->measured) measure_cache(shell);
  const TextLook soft{.size = type::small, .color = ui.color().text_faint};
  const Places& places = shell.controller.places();
  const struct {
    const char* key;
    fs::path path;
  } folders[] = {{"settings.data", places.data}, {"settings.models", places.models_folder()}, {"settings.cache", places.kv_folder()}, {"settings.config", places.config}};
  for (const auto& folder : folders) {
    ui.text_in(column.take(ui.px(22)), ui.tr(folder.key), {.weight = text::FontWeight::medium}, 0);
    column.y += ui.paragraph(ImVec2(column.x, column.y), folder.path.string(), soft, column.width) + ui.px(10);
  }
  draw_model_folders(shell, column);
  ui.hairline(ImVec2(column.x, column.y), ImVec2(column.x + column.width, column.y));
  column.y += ui.px(12);
  const std::string label = ui.tr.format("settings.cache_size", {size_words(cache_->bytes)});
  const float button = ui.button_width(ui.tr("settings.cache_clear"), false);
  const ImRect row = column.take(ui.px(36), ui.px(4));
  ui.text_in(ImRect(row.Min, ImVec2(row.Max.x - button - ui.px(8), row.Max.y)), label, {}, 0);
  if (ui.button("settings.cache_clear", ui.tr("settings.cache_clear"), ImRect(row.Max.x - button, row.Min.y, row.Max.x, row.Max.y), {.enabled = cache_->files > 0})) {
    clear_cache(shell);
  }
  column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("settings.cache_hint"), soft, column.width) + ui.px(12);
}

// Folders of the person's own in which models are looked for, besides those that every program of the field uses.
void SettingsWindow::draw_model_folders(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const TextLook soft{.size = type::small, .color = ui.color().text_faint};
  const float button = ui.button_width(ui.tr("settings.add_folder"), false);
  const ImRect head = column.take(ui.px(34), ui.px(2));
  ui.text_in(ImRect(head.Min, ImVec2(head.Max.x - button, head.Max.y)), ui.tr("settings.model_folders"), {.weight = text::FontWeight::medium}, 0);
  if (ui.button("settings.add_folder", ui.tr("settings.add_folder"), ImRect(head.Max.x - button, head.Min.y, head.Max.x, head.Max.y))) {
    ImGui::CloseCurrentPopup();
    shell.ask.file = FileTask::model_folder;
  }
  size_t gone = SIZE_MAX;
  const auto& folders = shell.settings.model_folders;
  for (size_t i = 0; i < folders.size(); ++i) {
    const ImRect row = column.take(ui.px(28));
    const std::string id = "settings.model_folder." + std::to_string(i);
    ui.mention(id, folders[i], row);
    ui.text_in(ImRect(row.Min, ImVec2(row.Max.x - ui.px(32), row.Max.y)), folders[i], soft, 0);
    if (ui.icon_button(id + ".remove", Icon::close, ui.tr("settings.remove_folder"), ImRect(row.Max.x - ui.px(26), row.Min.y + 1, row.Max.x, row.Max.y - 1), true, false, 13)) gone = i;
  }
  if (folders.empty()) column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("settings.model_folders_hint"), soft, column.width);
  column.y += ui.px(12);
  if (gone >= folders.size()) return;
  shell.settings.model_folders.erase(shell.settings.model_folders.begin() + static_cast<ptrdiff_t>(gone));
  shell.controller.save_settings([&models = shell.models] { models.look_again(); });
}

// What the engine kept on the disk is read through checks: a file that is gone means reading again, nothing else.
void SettingsWindow::clear_cache(Shell& shell) {
  Background& background = shell.controller.background();
  background.run([&background, cache = cache_, folder = shell.controller.places().kv_folder()] {
    std::error_code error;
    for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end; !error && at != end; at.increment(error)) {
      std::error_code ignored;
      if (at->is_regular_file(ignored)) fs::remove(at->path(), ignored);
    }
    background.post([cache] { cache->measured = false; });
  });
}

}  // namespace fabula::gui
