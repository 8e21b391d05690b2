// The settings in a window of their own: pages on the left, rows from one table on the right, the keys of all commands.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class SettingsWindow {
 public:
  explicit SettingsWindow(text::TextEngine& engine) : filter_(engine) { filter_.set_single_line(true); }
  void draw(Shell& shell);

  // While a command waits for its new key, the next key press is that key. true: used.
  bool take_key(Shell& shell, int key, int modifiers);

 private:
  enum class Page { general, keys, storage };
  void draw_pages(Shell& shell, const ImRect& box);
  void draw_general(Shell& shell, Column& column);
  void draw_keys(Shell& shell, Column& column);
  void draw_key(Shell& shell, const Command& command, const ImRect& row);
  void draw_model_folders(Shell& shell, Column& column);
  void draw_storage(Shell& shell, Column& column);
  void measure_cache(Shell& shell);
  void clear_cache(Shell& shell);
  void bind(Shell& shell, const std::string& command, const std::string& keys);

  text::Editor filter_;
  Page page_ = Page::general;
  std::string waiting_;   // command that waits for a key
  std::string refused_;   // why the last key was not taken
  struct Cache {
    uint64_t bytes = 0, files = 0;
    bool measured = false;
  };
  std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
  bool open_ = false;
};

}  // namespace fabula::gui
