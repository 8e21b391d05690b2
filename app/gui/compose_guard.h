// Tells whether an input method is composing. GLFW has no pre-edit API: under XIM the key presses of a composition arrive as
// key events, but no character follows them until the text is committed. A printable key without its character therefore
// means: a composition is open, and Enter belongs to the input method.
#pragma once

namespace fabula::gui {

class ComposeGuard {
 public:
  // A key press without Ctrl, Alt or Super whose key prints something.
  void printable_key() { ++waiting_; }
  // Text arrived: the key's own character, or the commit of a composition.
  void character() { waiting_ = 0; }
  void backspace() {
    if (waiting_ > 0) --waiting_;
  }
  void escape() { waiting_ = 0; }
  void focus_changed() { waiting_ = 0; }
  // Asked when Enter comes. True: the Enter ends the composition and must not send. At worst one Enter is lost.
  bool take_enter() {
    const bool composing = waiting_ > 0;
    waiting_ = 0;
    return composing;
  }
  bool composing() const { return waiting_ > 0; }

 private:
  int waiting_ = 0;
};

}  // namespace fabula::gui
