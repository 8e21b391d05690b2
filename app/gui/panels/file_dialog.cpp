#include "app/gui/panels/file_dialog.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "app/gui/model_paths.h"
#include "core/base/file.h"

namespace fabula::gui {
namespace {

namespace fs = std::filesystem;

fs::path home() {
  const char* value = std::getenv("HOME");
  return value != nullptr && *value == '/' ? fs::path(value) : fs::path("/");
}

fs::path expanded(const std::string& typed, const fs::path& folder) {
  if (typed.starts_with("~/") || typed == "~") return home() / (typed.size() > 2 ? typed.substr(2) : "");
  const fs::path path(typed);
  return path.is_absolute() ? path : folder / path;
}

std::string size_words(uint64_t bytes) {
  if (bytes >= 1'000'000'000) return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{} kB", (bytes + 999) / 1000);
}

}  // namespace

Result<std::vector<FolderEntry>> read_folder(const fs::path& folder, bool models_only, std::string_view extension) {
  std::error_code error;
  std::vector<FolderEntry> out;
  for (fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(".")) continue;
    std::error_code ignored;
    FolderEntry entry{name, at->is_directory(ignored), false, 0};
    entry.model = models_only && looks_like_model(at->path());
    if (!entry.folder) {
      if (models_only ? !entry.model : !name.ends_with(extension)) continue;
      entry.bytes = at->file_size(ignored);
    }
    out.push_back(std::move(entry));
  }
  if (error) return io_error("reading the folder", folder, error.value());
  std::sort(out.begin(), out.end(), [](const FolderEntry& a, const FolderEntry& b) { return a.folder != b.folder ? a.folder : a.name < b.name; });
  return out;
}

std::string FileDialog::suggested_name(const Shell& shell) const {
  std::string name;
  for (const auto& info : *shell.controller.frame().sessions) {
    if (info.id == session_) name = info.title;
  }
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos) c = ' ';
  }
  if (name.size() > 60) {
    size_t end = 60;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
    name.resize(end);
  }
  return (name.empty() ? std::string("session") : name) + ".json";
}

void FileDialog::open(Shell& shell, FileTask task) {
  task_ = task;
  session_ = std::exchange(shell.ask.file_session, {});
  name_ = task == FileTask::export_session ? suggested_name(shell) : task == FileTask::export_all ? "fabula-sessions.json" : "";
  take_focus_ = true;
  close_ = false;
  const auto& recent = shell.settings.recent_folders;
  go(shell, recent.empty() ? home() : fs::path(recent.front()));
  ImGui::OpenPopup("file");
}

void FileDialog::go(Shell& shell, const fs::path& folder) {
  folder_ = folder.lexically_normal();
  if (!folder_.has_filename() && folder_.has_parent_path() && folder_ != folder_.root_path()) folder_ = folder_.parent_path();
  error_.clear();
  path_.set_text(name_.empty() ? (folder_ / "").string() : (folder_ / name_).string());
  const int serial = ++*serial_;
  reading_ = true;
  Background& background = shell.controller.background();
  const bool models = task_ == FileTask::open_model || task_ == FileTask::model_folder, any = task_ == FileTask::attach;
  background.run([this, &background, serial, current = serial_, folder = folder_, models, any] {
    auto read = std::make_shared<Result<std::vector<FolderEntry>>>(read_folder(folder, models, any ? "" : ".json"));
    const bool is_model = models && looks_like_model(folder);
    background.post([this, read, serial, current, is_model] {
      if (*current != serial) return;
      reading_ = false;
      folder_is_model_ = is_model;
      entries_ = *read ? **read : std::vector<FolderEntry>{};
      if (!*read) error_ = read->error().message;
    });
  });
}

void FileDialog::accept(Shell& shell, const fs::path& path) {
  remember(shell.settings.recent_folders, path.parent_path().string(), 6);
  shell.controller.save_settings();
  switch (task_) {
    case FileTask::open_model: shell.controller.load_model(path.string()); break;
    case FileTask::export_session: shell.controller.export_to(session_, path.string()); break;
    case FileTask::export_all: shell.controller.export_all_to(path.string()); break;
    case FileTask::import_session: shell.controller.import_from(path.string()); break;
    case FileTask::model_folder:
      remember(shell.settings.model_folders, path.string(), SIZE_MAX);
      shell.controller.save_settings([&models = shell.models] { models.look_again(); });
      break;
    case FileTask::attach: shell.ask.attach.push_back(path.string()); break;
    case FileTask::none: break;
  }
  close_ = true;
}

// What was typed may be a folder to look into or the thing itself; the disk is asked on the other thread.
void FileDialog::typed(Shell& shell) {
  const std::string text = path_.text();
  if (text.empty()) return;
  const fs::path path = expanded(text, folder_);
  Background& background = shell.controller.background();
  const FileTask task = task_;
  background.run([this, &shell, &background, path, task, current = serial_, serial = *serial_] {
    std::error_code ignored;
    const bool folder = fs::is_directory(path, ignored), exists = folder || fs::exists(path, ignored);
    const bool model = task == FileTask::open_model && looks_like_model(path);
    background.post([this, &shell, path, task, folder, exists, model, current, serial] {
      if (*current != serial || task_ != task) return;
      if (folder && !(model && path.lexically_normal() != folder_ / "")) {
        name_.clear();
        go(shell, path);
      } else if (exists || task == FileTask::export_session || task == FileTask::export_all) {
        accept(shell, path);
      } else {
        error_ = shell.ui.tr.format("file.missing", {path.string()});
      }
    });
  });
}

void FileDialog::draw(Shell& shell) {
  Ui& ui = shell.ui;
  if (shell.ask.file != FileTask::none) open(shell, std::exchange(shell.ask.file, FileTask::none));
  if (task_ == FileTask::none) return;
  const char* title = task_ == FileTask::open_model ? "file.open_model" : task_ == FileTask::export_session ? "file.export" : task_ == FileTask::export_all ? "file.export_all" : task_ == FileTask::attach ? "file.attach" : task_ == FileTask::model_folder ? "file.model_folder_title" : "file.import";
  if (!ui.begin_dialog("file", ui.tr(title), 760, 520)) {
    task_ = FileTask::none;
    shell.ask.focus_composer = true;
    return;
  }
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, bottom = ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18), button = ui.px(34);
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("file.path"), .padding = ui.px(8), .submit_on_enter = true};
  look.take_focus = std::exchange(take_focus_, false);
  const ImRect up(start.x, start.y, start.x + ui.px(36), start.y + ui.px(36));
  if (ui.button("file.up", "", up, {.icon = Icon::arrow_up, .tooltip = ui.tr("file.up")})) go(shell, folder_.parent_path());
  const auto field = ui.field("file.path", ui.tr("file.path"), path_, ImRect(up.Max.x + ui.px(8), start.y, start.x + width, start.y + ui.px(36)), look);
  if (field.submitted) typed(shell);
  const float list_top = start.y + ui.px(46), list_bottom = bottom - button - ui.px(14), places = ui.px(170);
  draw_places(shell, ImRect(start.x, list_top, start.x + places, list_bottom));
  draw_entries(shell, ImRect(start.x + places + ui.px(12), list_top, start.x + width, list_bottom));
  const bool saves = task_ == FileTask::export_session || task_ == FileTask::export_all;
  const std::string& action = ui.tr(saves ? "file.save" : "file.choose");
  const float choose = ui.button_width(action, false), cancel = ui.button_width(ui.tr("action.cancel"), false), right = start.x + width;
  if (!error_.empty()) {
    ui.text_in(ImRect(start.x, bottom - button, right - choose - cancel - ui.px(24), bottom), error_, {.size = type::small, .color = ui.color().danger}, 0);
  } else if (task_ == FileTask::open_model) {
    ui.text_in(ImRect(start.x, bottom - button, right - choose - cancel - ui.px(24), bottom), ui.tr("file.model_hint"),
               {.size = type::small, .color = ui.color().text_faint}, 0);
  }
  if (ui.button("file.cancel", ui.tr("action.cancel"), ImRect(right - choose - cancel - ui.px(8), bottom - button, right - choose - ui.px(8), bottom))) close_ = true;
  const ImRect choose_box(right - choose, bottom - button, right, bottom);
  if (ui.button("file.choose", action, choose_box, {.kind = ButtonKind::primary, .enabled = !path_.empty()})) {
    const bool folder_itself = folder_is_model_ || task_ == FileTask::model_folder;
    if (folder_itself && fs::path(path_.text()) == folder_ / "") {
      accept(shell, folder_);
    } else {
      typed(shell);
    }
  }
  if (std::exchange(close_, false)) ImGui::CloseCurrentPopup();
  ui.end_dialog();
}

void FileDialog::draw_places(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  ImGui::SetCursorScreenPos(box.Min);
  if (ImGui::BeginChild("places", box.GetSize())) {
    Column column{box.Min.x, ImGui::GetCursorScreenPos().y, box.GetWidth()};
    int number = 0;
    fs::path target;
    const auto place = [&](const std::string& label, const fs::path& path, Icon icon) {
      const ImRect row = column.take(ui.px(32));
      const Hit hit = ui.interact("file.place." + std::to_string(number++), label, row, true, radius::small);
      if (folder_ == path) ui.fill(row, ui.color().accent_soft, radius::small);
      if (hit.hovered) ui.fill(row, ui.color().hover, radius::small);
      ui.icon(icon, ImRect(row.Min.x + ui.px(6), row.Min.y, row.Min.x + ui.px(28), row.Max.y), 15, ui.color().text_soft);
      const TextLook look{};
      ui.text(ImVec2(row.Min.x + ui.px(34), row.GetCenter().y - ui.measure(label, look).y / 2), label, look, row.GetWidth() - ui.px(40));
      if (hit.hovered) ui.tooltip(row, path.string());
      if (hit.clicked) target = path;
    };
    place(ui.tr("file.home"), home(), Icon::folder);
    const fs::path models = shell.controller.places().models_folder();
    place(ui.tr("file.models"), models, Icon::cube);
    for (const auto& recent : shell.settings.recent_folders) {
      if (recent != home() && recent != models) place(fs::path(recent).filename().string(), recent, Icon::folder);
    }
    if (!target.empty()) go(shell, target);
  }
  ImGui::EndChild();
}

void FileDialog::draw_entries(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  if (ui.begin_list("entries", box)) {
    const ImVec2 start = ImGui::GetCursorScreenPos();
    Column column{start.x + ui.px(4), start.y + ui.px(4), box.GetWidth() - ui.px(20)};
    const ImRect clip = ImGui::GetCurrentWindow()->ClipRect;
    int number = 0;
    const FolderEntry* chosen = nullptr;
    for (const FolderEntry& entry : entries_) {
      const ImRect row = column.take(ui.px(30));
      const std::string id = "file.entry." + std::to_string(number++);
      if (row.Max.y < clip.Min.y || row.Min.y > clip.Max.y) continue;
      const Hit hit = ui.interact(id, entry.name, row, true, radius::small);
      if (hit.hovered) ui.fill(row, ui.color().hover, radius::small);
      const Icon icon = entry.model ? Icon::cube : entry.folder ? Icon::folder : Icon::file;
      ui.icon(icon, ImRect(row.Min.x + ui.px(6), row.Min.y, row.Min.x + ui.px(28), row.Max.y), 15, entry.model ? ui.color().accent : ui.color().text_soft);
      const std::string size = entry.folder ? (entry.model ? ui.tr("file.model_folder") : "") : size_words(entry.bytes);
      const TextLook soft{.size = type::small, .color = ui.color().text_faint};
      const float size_width = ui.measure(size, soft).x;
      const TextLook look{};
      ui.text(ImVec2(row.Min.x + ui.px(34), row.GetCenter().y - ui.measure(entry.name, look).y / 2), entry.name, look,
              row.GetWidth() - ui.px(54) - size_width);
      ui.text_in(ImRect(row.Min.x, row.Min.y, row.Max.x - ui.px(8), row.Max.y), size, soft, 1);
      if (hit.clicked) chosen = &entry;
    }
    if (entries_.empty() && !reading_) {
      ui.text(ImVec2(column.x + ui.px(10), column.y + ui.px(8)), ui.tr(task_ == FileTask::open_model ? "file.no_models" : "file.empty"),
              {.color = ui.color().text_faint}, column.width - ui.px(20));
    }
    ImGui::SetCursorScreenPos(start);
    ImGui::Dummy(ImVec2(1, column.y - start.y + ui.px(4)));
    if (chosen != nullptr) {
      const FolderEntry entry = *chosen;
      if (entry.folder && !entry.model) {
        go(shell, folder_ / entry.name);
      } else if (task_ == FileTask::open_model) {
        accept(shell, folder_ / entry.name);
      } else {
        path_.set_text((folder_ / entry.name).string());
      }
    }
  }
  ui.end_list();
}

}  // namespace fabula::gui
