// The local API in the window: the switch, its address, key and allowed pages, and what is being asked, live and without any
// message text. The server stands on the window's own sessions and model.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/gui/server_key.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

// Lines from the server's thread for the window's. Bounded.
class RequestLog {
 public:
  void add(const std::string& line);
  std::vector<std::string> lines() const;  // oldest first
  void clear();

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;
};

class ServerPanel {
 public:
  explicit ServerPanel(text::TextEngine& engine);
  // The dialog, and once the sessions are there the server itself, where it was on when the window closed.
  void draw(Shell& shell);

 private:
  enum class State { off, starting, on };
  void begin(Shell& shell);
  void take_key(Shell& shell, ServerKey (*make)(const Places&), std::function<void()> then);
  void start(Shell& shell);
  void stop(Shell& shell);
  void draw_switch(Shell& shell, Column& column);
  void draw_address(Shell& shell, Column& column);
  void draw_setup(Shell& shell, Column& column);
  void draw_key(Shell& shell, Column& column);
  void draw_log(Shell& shell, Column& column);
  bool read_port(Shell& shell);

  text::Editor port_, origins_;
  std::shared_ptr<RequestLog> log_ = std::make_shared<RequestLog>();
  State state_ = State::off;
  int open_port_ = 0;
  std::string key_;
  bool asked_ = false;  // for the key, once the sessions are there
  bool begun_ = false;  // the key is known
};

}  // namespace fabula::gui
