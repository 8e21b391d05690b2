#include "app/gui/window.h"

#include <glad/gl.h>
// glad first: GLFW must not bring the system's GL header.
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "app/gui/watchdog.h"
#include "app/gui/window_icon.h"
#include "core/base/clock.h"

namespace fabula::gui {
namespace {

constexpr double input_frame_seconds = 1.0 / 60, stream_frame_seconds = 1.0 / 30;

Window& self(GLFWwindow* window) { return *static_cast<Window*>(glfwGetWindowUserPointer(window)); }

// Characters come for these keys where no input method takes them.
bool prints(int key) { return (key >= GLFW_KEY_SPACE && key <= GLFW_KEY_GRAVE_ACCENT) || (key >= GLFW_KEY_KP_0 && key <= GLFW_KEY_KP_ADD && key != GLFW_KEY_KP_ENTER); }

Error glfw_error(const char* doing) {
  const char* description = nullptr;
  glfwGetError(&description);
  return Error{ErrorCode::unsupported, std::string(doing) + (description != nullptr ? std::string(": ") + description : std::string())};
}

}  // namespace

Result<std::unique_ptr<Window>> Window::create(const WindowOptions& options) {
  if (!glfwInit()) return glfw_error("Fabula's window needs a display");
  glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
  glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
  glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
  glfwWindowHint(GLFW_OPENGL_FORWARD_COMPAT, GLFW_TRUE);
  glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_TRUE);
  glfwWindowHint(GLFW_MAXIMIZED, options.maximized ? GLFW_TRUE : GLFW_FALSE);
  glfwWindowHint(GLFW_VISIBLE, GLFW_FALSE);
  glfwWindowHintString(GLFW_X11_CLASS_NAME, "fabula");
  glfwWindowHintString(GLFW_X11_INSTANCE_NAME, "fabula");
  std::unique_ptr<Window> self(new Window());
  self->window_ = glfwCreateWindow(options.width, options.height, options.title.c_str(), nullptr, nullptr);
  if (self->window_ == nullptr) {
    const Error error = glfw_error("Fabula's window needs OpenGL 3.3");
    glfwTerminate();
    return error;
  }
  glfwSetWindowUserPointer(self->window_, self.get());
  glfwSetWindowSizeLimits(self->window_, 560, 400, GLFW_DONT_CARE, GLFW_DONT_CARE);
  glfwMakeContextCurrent(self->window_);
  glfwSwapInterval(0);  // frames are paced here; waiting for the screen would block the thread while the window is hidden
  if (gladLoadGL(glfwGetProcAddress) == 0) return Error{ErrorCode::unsupported, "OpenGL 3.3 could not be loaded"};
  set_window_icon(self->window_);
  float scale_y = 1;
  glfwGetWindowContentScale(self->window_, &self->content_scale_, &scale_y);
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = io.LogFilename = nullptr;
  io.ConfigInputTextCursorBlink = false;
  self->install_callbacks();  // before the backend, which calls on to them
  ImGui_ImplGlfw_InitForOpenGL(self->window_, true);
  ImGui_ImplOpenGL3_Init("#version 330 core");
  glfwShowWindow(self->window_);
  return self;
}

Window::~Window() {
  if (window_ == nullptr) return;
  if (ImGui::GetCurrentContext() != nullptr) {
    ImGui_ImplOpenGL3_Shutdown();
    ImGui_ImplGlfw_Shutdown();
    ImGui::DestroyContext();
  }
  glfwDestroyWindow(window_);
  glfwTerminate();
}

void Window::install_callbacks() {
  glfwSetKeyCallback(window_, [](GLFWwindow* w, int key, int, int action, int modifiers) {
    Window& s = self(w);
    s.input_came();
    if (action == GLFW_RELEASE) return;
    const bool plain = (modifiers & (GLFW_MOD_CONTROL | GLFW_MOD_ALT | GLFW_MOD_SUPER)) == 0;
    bool composing = false;
    if (key == GLFW_KEY_ENTER || key == GLFW_KEY_KP_ENTER) {
      composing = s.compose_.take_enter();
    } else if (key == GLFW_KEY_ESCAPE) {
      composing = s.compose_.composing();
      s.compose_.escape();
    } else if (key == GLFW_KEY_BACKSPACE) {
      composing = s.compose_.composing();
      s.compose_.backspace();
    } else if (plain && prints(key)) {
      s.compose_.printable_key();
    }
    s.events_.push_back({WindowEvent::Kind::key, key, modifiers, composing, 0});
  });
  glfwSetCharCallback(window_, [](GLFWwindow* w, unsigned character) {
    Window& s = self(w);
    s.input_came();
    s.compose_.character();
    s.events_.push_back({WindowEvent::Kind::character, 0, 0, false, static_cast<char32_t>(character)});
  });
  glfwSetMouseButtonCallback(window_, [](GLFWwindow* w, int, int, int) { self(w).input_came(); });
  glfwSetScrollCallback(window_, [](GLFWwindow* w, double, double) { self(w).input_came(); });
  glfwSetCursorPosCallback(window_, [](GLFWwindow* w, double, double) { self(w).input_came(); });
  glfwSetCursorEnterCallback(window_, [](GLFWwindow* w, int) { self(w).input_came(); });
  glfwSetWindowFocusCallback(window_, [](GLFWwindow* w, int) {
    self(w).compose_.focus_changed();
    self(w).input_came();
  });
  glfwSetWindowRefreshCallback(window_, [](GLFWwindow* w) { self(w).input_came(); });
  glfwSetFramebufferSizeCallback(window_, [](GLFWwindow* w, int, int) { self(w).input_came(); });
  glfwSetWindowContentScaleCallback(window_, [](GLFWwindow* w, float x, float) {
    self(w).content_scale_ = x;
    self(w).input_came();
  });
  glfwSetDropCallback(window_, [](GLFWwindow* w, int count, const char** paths) {
    self(w).dropped_.assign(paths, paths + count);
    self(w).input_came();
  });
}

void Window::put_back(std::span<const WindowEvent> events) {
  if (events.empty()) return;
  events_.insert(events_.begin(), events.begin(), events.end());
  settle();
}

void Window::wake() { glfwPostEmptyEvent(); }
bool Window::should_close() const { return glfwWindowShouldClose(window_) != 0; }
void Window::request_close() { glfwSetWindowShouldClose(window_, GLFW_TRUE); }
void Window::set_title(const std::string& title) { glfwSetWindowTitle(window_, title.c_str()); }
bool Window::maximized() const { return glfwGetWindowAttrib(window_, GLFW_MAXIMIZED) != 0; }
void Window::request_attention() { glfwRequestWindowAttention(window_); }
void Window::to_front() {
  if (glfwGetWindowAttrib(window_, GLFW_ICONIFIED) != 0) glfwRestoreWindow(window_);
  glfwFocusWindow(window_);
  settle();
}
bool Window::focused() const { return glfwGetWindowAttrib(window_, GLFW_FOCUSED) != 0; }

void Window::size(int& width, int& height) const { glfwGetWindowSize(window_, &width, &height); }

float Window::framebuffer_scale() const {
  int window_width = 1, framebuffer_width = 1, ignored = 0;
  glfwGetWindowSize(window_, &window_width, &ignored);
  glfwGetFramebufferSize(window_, &framebuffer_width, &ignored);
  return window_width > 0 && framebuffer_width > 0 ? static_cast<float>(framebuffer_width) / static_cast<float>(window_width) : 1.0f;
}

void Window::wait(double next_wake, bool streaming) {
  if (glfwGetWindowAttrib(window_, GLFW_ICONIFIED) != 0) {
    glfwWaitEvents();
  } else if (settling_ > 0) {
    const double pause = last_frame_ + input_frame_seconds - monotonic_seconds();
    if (pause > 0.0005) glfwWaitEventsTimeout(pause);
    glfwPollEvents();
  } else if (const double pause = next_wake - monotonic_seconds(); std::isfinite(next_wake)) {
    if (pause > 0) glfwWaitEventsTimeout(pause);
    glfwPollEvents();
  } else {
    glfwWaitEvents();
  }
  // Tokens come faster than frames: sleep the rest of the frame's time, unless a person does something.
  const double interval = streaming ? stream_frame_seconds : input_frame_seconds;
  while (settling_ == 0) {
    const double pause = last_frame_ + interval - monotonic_seconds();
    if (pause < 0.0005) break;
    glfwWaitEventsTimeout(pause);
  }
}

void Window::begin_frame() {
  last_frame_ = monotonic_seconds();
  frame_start_ = thread_cpu_seconds();
  if (settling_ > 0) --settling_;
  ImGui_ImplOpenGL3_NewFrame();
  ImGui_ImplGlfw_NewFrame();
  ImGui::NewFrame();
}

void Window::end_frame(unsigned background) {
  ImGui::Render();
  own_ms_ = (thread_cpu_seconds() - frame_start_) * 1e3;
  int width = 0, height = 0;
  glfwGetFramebufferSize(window_, &width, &height);
  glViewport(0, 0, width, height);
  const ImVec4 clear = ImGui::ColorConvertU32ToFloat4(background);
  glClearColor(clear.x, clear.y, clear.z, 1);
  glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  glfwSwapBuffers(window_);
}

}  // namespace fabula::gui
