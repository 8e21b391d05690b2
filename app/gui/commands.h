// Everything that can be done, once: menus, the palette (Ctrl+K), keys and the sheet of F1 are fed from this list.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fabula::gui {

struct Shortcut {
  int key = 0;        // GLFW_KEY_*, 0: none
  int modifiers = 0;  // GLFW_MOD_*
  bool operator==(const Shortcut&) const = default;
};
std::string shortcut_text(const Shortcut& shortcut);              // "Ctrl+Shift+Z", "" for none
std::optional<Shortcut> shortcut_from_text(std::string_view text);  // none: no such key. "" is the empty shortcut
// A key that a person may choose: with Ctrl or Alt, or a function key. Letters belong to the text, Delete alone to nobody.
bool may_be_bound(const Shortcut& shortcut);

enum class Menu { file, edit, view, mode, model, help, none };

struct Command {
  std::string_view id;  // its words are the string "command." + id
  Menu menu = Menu::none;
  int group = 0;        // a hairline stands between groups of a menu
  Shortcut shortcut;    // as it comes; bind() changes it
  std::function<void()> run;
  std::function<bool()> enabled = {};  // empty: always
  std::function<bool()> checked = {};  // empty: not a toggle
  Shortcut other = {};                 // a second key for the same, until it is bound to something else
};

// Keys that the person chose: command -> shortcut_text(), "" for none. Kept in settings.json.
using KeyBindings = std::map<std::string, std::string>;

class Commands {
 public:
  void add(Command command);
  const std::vector<Command>& list() const { return list_; }
  static bool enabled(const Command& command) { return !command.enabled || command.enabled(); }
  // Runs the command that has this key. false: none has, or it may not run now.
  bool press(int key, int modifiers) const;
  void run(std::string_view id) const;
  const Command* find_or_null(std::string_view id) const;

  // ---- keys
  void bind(const KeyBindings& bindings);   // everything that is not named goes back to its standard key
  Shortcut standard(std::string_view id) const;
  // Another command that has the same key, null for none.
  const Command* rival_or_null(const Command& command) const;

 private:
  struct Keys {
    Shortcut shortcut, other;
  };
  std::vector<Command> list_;
  std::vector<Keys> standard_;  // of list_, as they came
};

}  // namespace fabula::gui
