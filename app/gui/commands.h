// Everything that can be done, once: menus, the palette (Ctrl+K), keys and the sheet of F1 are fed from this list.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fabula::gui {

struct Shortcut {
  int key = 0;        // GLFW_KEY_*, 0: none
  int modifiers = 0;  // GLFW_MOD_*
};
std::string shortcut_text(const Shortcut& shortcut);  // "Ctrl+Shift+Z"

enum class Menu { file, edit, view, mode, model, help, none };

struct Command {
  std::string_view id;  // its words are the string "command." + id
  Menu menu = Menu::none;
  int group = 0;        // a hairline stands between groups of a menu
  Shortcut shortcut;
  std::function<void()> run;
  std::function<bool()> enabled = {};  // empty: always
  std::function<bool()> checked = {};  // empty: not a toggle
  Shortcut other = {};                 // a second key for the same
};

class Commands {
 public:
  void add(Command command) { list_.push_back(std::move(command)); }
  const std::vector<Command>& list() const { return list_; }
  static bool enabled(const Command& command) { return !command.enabled || command.enabled(); }
  // Runs the command that has this key. false: none has, or it may not run now.
  bool press(int key, int modifiers) const;
  void run(std::string_view id) const;

 private:
  std::vector<Command> list_;
};

}  // namespace fabula::gui
