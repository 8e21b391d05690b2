#include "app/gui/commands.h"

#include <GLFW/glfw3.h>

namespace fabula::gui {

namespace {

struct KeyName {
  int key;
  const char* name;
};
// Keys that are no single character of ASCII; GLFW numbers the others by their character.
constexpr KeyName key_names[] = {
    {GLFW_KEY_ENTER, "Enter"}, {GLFW_KEY_ESCAPE, "Esc"},      {GLFW_KEY_UP, "↑"},        {GLFW_KEY_DOWN, "↓"},
    {GLFW_KEY_LEFT, "←"},      {GLFW_KEY_RIGHT, "→"},         {GLFW_KEY_HOME, "Home"},   {GLFW_KEY_END, "End"},
    {GLFW_KEY_TAB, "Tab"},     {GLFW_KEY_SPACE, "Space"},     {GLFW_KEY_DELETE, "Del"},  {GLFW_KEY_INSERT, "Ins"},
    {GLFW_KEY_EQUAL, "+"},     {GLFW_KEY_MINUS, "−"},         {GLFW_KEY_BACKSPACE, "Backspace"},
    {GLFW_KEY_PAGE_UP, "PgUp"}, {GLFW_KEY_PAGE_DOWN, "PgDn"}};

constexpr struct {
  int bit;
  std::string_view name;
} modifier_names[] = {{GLFW_MOD_CONTROL, "Ctrl+"}, {GLFW_MOD_ALT, "Alt+"}, {GLFW_MOD_SHIFT, "Shift+"}};

}  // namespace

std::string shortcut_text(const Shortcut& shortcut) {
  if (shortcut.key == 0) return "";
  std::string text;
  for (const auto& modifier : modifier_names) {
    if (shortcut.modifiers & modifier.bit) text += modifier.name;
  }
  if (shortcut.key >= GLFW_KEY_F1 && shortcut.key <= GLFW_KEY_F25) return text + "F" + std::to_string(shortcut.key - GLFW_KEY_F1 + 1);
  for (const KeyName& named : key_names) {
    if (named.key == shortcut.key) return text + named.name;
  }
  return shortcut.key > ' ' && shortcut.key <= '~' ? text + static_cast<char>(shortcut.key) : "";
}

std::optional<Shortcut> shortcut_from_text(std::string_view text) {
  Shortcut out;
  if (text.empty()) return out;
  for (const auto& modifier : modifier_names) {
    if (!text.starts_with(modifier.name)) continue;
    out.modifiers |= modifier.bit;
    text.remove_prefix(modifier.name.size());
  }
  for (const KeyName& named : key_names) {
    if (text == named.name) return out.key = named.key, out;
  }
  for (int n = 1; n <= 25; ++n) {
    if (text.starts_with('F') && text.substr(1) == std::to_string(n)) return out.key = GLFW_KEY_F1 + n - 1, out;
  }
  if (text.size() != 1 || text[0] <= ' ' || text[0] > '~' || (text[0] >= 'a' && text[0] <= 'z')) return std::nullopt;
  out.key = static_cast<unsigned char>(text[0]);
  return out;
}

bool may_be_bound(const Shortcut& shortcut) {
  const bool function_key = shortcut.key >= GLFW_KEY_F1 && shortcut.key <= GLFW_KEY_F25;
  const bool printable_or_named = !shortcut_text(shortcut).empty() && shortcut.key < GLFW_KEY_LEFT_SHIFT;
  return function_key || (printable_or_named && (shortcut.modifiers & (GLFW_MOD_CONTROL | GLFW_MOD_ALT)) != 0);
}

void Commands::add(Command command) {
  standard_.push_back({command.shortcut, command.other});
  list_.push_back(std::move(command));
}

const Command* Commands::find_or_null(std::string_view id) const {
  for (const Command& command : list_) {
    if (command.id == id) return &command;
  }
  return nullptr;
}

Shortcut Commands::standard(std::string_view id) const {
  const Command* command = find_or_null(id);
  return command == nullptr ? Shortcut{} : standard_[static_cast<size_t>(command - list_.data())].shortcut;
}

void Commands::bind(const KeyBindings& bindings) {
  for (size_t i = 0; i < list_.size(); ++i) {
    list_[i].shortcut = standard_[i].shortcut;
    list_[i].other = standard_[i].other;
    const auto chosen = bindings.find(std::string(list_[i].id));
    if (chosen == bindings.end()) continue;
    const auto shortcut = shortcut_from_text(chosen->second);
    if (!shortcut || (shortcut->key != 0 && !may_be_bound(*shortcut))) continue;
    list_[i].shortcut = *shortcut;
    list_[i].other = {};
  }
}

const Command* Commands::rival_or_null(const Command& command) const {
  if (command.shortcut.key == 0) return nullptr;
  for (const Command& other : list_) {
    if (&other != &command && (other.shortcut == command.shortcut || other.other == command.shortcut)) return &other;
  }
  return nullptr;
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
