// Choosing a model, a place for an export, or a file to import: places on the left, a path that can be typed, a filter.
// Folders are read on the background thread.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

struct FolderEntry {
  std::string name;
  bool folder = false, model = false;  // model: can be opened as one
  uint64_t bytes = 0;
};

// Folders first, by name; hidden ones are left out. Errors: io, not_found.
Result<std::vector<FolderEntry>> read_folder(const std::filesystem::path& folder, bool models_only, std::string_view extension);

class FileDialog {
 public:
  explicit FileDialog(text::TextEngine& engine) : path_(engine) { path_.set_single_line(true); }
  void draw(Shell& shell);

 private:
  void open(Shell& shell, FileTask task);
  void go(Shell& shell, const std::filesystem::path& folder);
  void accept(Shell& shell, const std::filesystem::path& path);
  void typed(Shell& shell);
  void draw_places(Shell& shell, const ImRect& box);
  void draw_entries(Shell& shell, const ImRect& box);
  std::string suggested_name(const Shell& shell) const;

  text::Editor path_;
  FileTask task_ = FileTask::none;
  std::string session_;
  std::filesystem::path folder_;
  std::vector<FolderEntry> entries_;
  std::string error_, name_;
  std::shared_ptr<int> serial_ = std::make_shared<int>(0);  // of the last folder asked for
  bool take_focus_ = false, close_ = false, reading_ = false, folder_is_model_ = false;
};

}  // namespace fabula::gui
