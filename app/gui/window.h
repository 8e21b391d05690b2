// The native window, its GL context and Dear ImGui's backends, and when to draw: events wake it, two settling frames follow
// each input, wakes of the service are drawn at most 30 times a second, and otherwise nothing happens at all.
// Thread: the main thread; wake() from any.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/gui/compose_guard.h"
#include "core/base/result.h"

struct GLFWwindow;

namespace fabula::gui {

// A key press or repeat, or a character, in the order in which they came.
struct WindowEvent {
  enum class Kind { key, character } kind = Kind::key;
  int key = 0, modifiers = 0;  // GLFW_KEY_*, GLFW_MOD_*
  bool composing = false;      // the key belongs to an input method (see ComposeGuard)
  char32_t character = 0;
};

struct WindowOptions {
  std::string title;
  int width = 1280, height = 820;  // at content scale 1
  bool maximized = false;
};

class Window {
 public:
  // Errors: unsupported (no display, no OpenGL 3.3), in plain words.
  static Result<std::unique_ptr<Window>> create(const WindowOptions& options);
  ~Window();

  static void wake();
  bool should_close() const;
  void request_close();
  void set_title(const std::string& title);

  // Sleeps until something has to be drawn: input, a wake, or `next_wake` (monotonic seconds).
  // streaming: wakes are held back to 30 a second.
  void wait(double next_wake, bool streaming);
  void begin_frame();
  void end_frame(unsigned background);  // draws and shows

  float content_scale() const { return content_scale_; }
  float framebuffer_scale() const;  // framebuffer pixels per screen coordinate
  void size(int& width, int& height) const;
  bool maximized() const;
  bool focused() const;
  void to_front();
  void request_attention();  // a reply has ended while another window has the focus
  std::vector<WindowEvent> take_events() { return std::exchange(events_, {}); }
  // For the next frame, which comes soon: before all that comes meanwhile.
  void put_back(std::span<const WindowEvent> events);
  std::vector<std::string> take_dropped() { return std::exchange(dropped_, {}); }
  void settle(int frames = 2) { settling_ = std::max(settling_, frames); }
  double own_ms() const { return own_ms_; }  // CPU time of the last frame up to its finished draw data

 private:
  Window() = default;
  void install_callbacks();
  void input_came() { settling_ = 3; }

  GLFWwindow* window_ = nullptr;
  float content_scale_ = 1;
  int settling_ = 3;
  bool input_ = true;
  double last_frame_ = 0, frame_start_ = 0, own_ms_ = 0;
  std::vector<WindowEvent> events_;
  std::vector<std::string> dropped_;
  ComposeGuard compose_;
};

}  // namespace fabula::gui
