#include "app/gui/commands.h"

#include <GLFW/glfw3.h>

namespace fabula::gui {

std::string shortcut_text(const Shortcut& shortcut) {
  if (shortcut.key == 0) return "";
  std::string text;
  if (shortcut.modifiers & GLFW_MOD_CONTROL) text += "Ctrl+";
  if (shortcut.modifiers & GLFW_MOD_ALT) text += "Alt+";
  if (shortcut.modifiers & GLFW_MOD_SHIFT) text += "Shift+";
  if (shortcut.key >= GLFW_KEY_F1 && shortcut.key <= GLFW_KEY_F25) return text + "F" + std::to_string(shortcut.key - GLFW_KEY_F1 + 1);
  switch (shortcut.key) {
    case GLFW_KEY_ENTER: return text + "Enter";
    case GLFW_KEY_ESCAPE: return text + "Esc";
    case GLFW_KEY_UP: return text + "↑";
    case GLFW_KEY_DOWN: return text + "↓";
    case GLFW_KEY_LEFT: return text + "←";
    case GLFW_KEY_RIGHT: return text + "→";
    case GLFW_KEY_END: return text + "End";
    case GLFW_KEY_TAB: return text + "Tab";
    case GLFW_KEY_EQUAL: return text + "+";
    case GLFW_KEY_MINUS: return text + "−";
    default: return text + static_cast<char>(shortcut.key);  // letters, digits, punctuation: GLFW uses ASCII
  }
}

bool Commands::press(int key, int modifiers) const {
  modifiers &= GLFW_MOD_CONTROL | GLFW_MOD_ALT | GLFW_MOD_SHIFT | GLFW_MOD_SUPER;
  for (const Command& command : list_) {
    for (const Shortcut& s : {command.shortcut, command.other}) {
      if (s.key == 0 || s.key != key || s.modifiers != modifiers) continue;
      if (!enabled(command)) return false;
      command.run();
      return true;
    }
  }
  return false;
}

void Commands::run(std::string_view id) const {
  for (const Command& command : list_) {
    if (command.id == id && enabled(command)) return command.run();
  }
}

}  // namespace fabula::gui
