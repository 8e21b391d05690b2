// What the keyboard and the clipboard say, apart from any window system, so that tests drive the editor
// without one. Dear ImGui 1.86 has 16-bit characters and samples keys once a frame; the window pushes GLFW's
// events here instead, in order.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fabula::text {

enum class Key {
  left,
  right,
  up,
  down,
  home,
  end,
  page_up,
  page_down,
  backspace,
  del,
  enter,
  tab,
  escape,
  a,
  c,
  v,
  x,
  y,
  z,
};

struct KeyPress {
  Key key = Key::left;
  bool ctrl = false;
  bool shift = false;
  bool alt = false;
};

// A key or a committed character (input methods and dead keys included).
struct InputEvent {
  bool is_character = false;
  char32_t character = 0;
  KeyPress key;
};

// Filled by the window's GLFW callbacks, drained by the one editor that has the focus; cleared at the end of
// each frame.
class InputQueue {
 public:
  void push_character(char32_t c) { events_.push_back({true, c, {}}); }
  void push_key(const KeyPress& key) { events_.push_back({false, 0, key}); }
  std::vector<InputEvent> take() { return std::exchange(events_, {}); }
  void put_back(const InputEvent& event) {
    events_.push_back(event);
  }  // what the one that took it has no use for
  bool empty() const { return events_.empty(); }
  void clear() { events_.clear(); }

 private:
  std::vector<InputEvent> events_;
};

class Clipboard {
 public:
  virtual ~Clipboard() = default;
  virtual std::string get() = 0;
  virtual void set(std::string_view text) = 0;
};

// A clipboard inside the process: tests, and a window system without one.
class MemoryClipboard final : public Clipboard {
 public:
  std::string get() override { return text_; }
  void set(std::string_view text) override { text_ = text; }

 private:
  std::string text_;
};

}  // namespace fabula::text
