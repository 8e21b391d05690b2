// What the panels of the window share: the controls, the controller, the commands, and what one panel asks of another.
#pragma once

#include <imgui_internal.h>

#include <string>
#include <vector>

#include "app/gui/commands.h"
#include "app/gui/controller.h"
#include "app/gui/model_desk.h"
#include "app/gui/presets.h"
#include "app/gui/ui/ui.h"

namespace fabula::gui {

enum class FileTask { none, open_model, export_session, export_all, import_session, attach, model_folder };

// Taken by the panel concerned in the same or the next frame.
struct Requests {
  bool models = false, servers = false;
  bool palette = false, shortcuts = false, settings = false, server = false, about = false, trash = false, precision = false;
  bool save_presets = false, key_bindings = false;
  bool focus_composer = false, focus_search = false, jump_to_end = false;
  bool find = false, close_find = false;
  bool memory = false;            // the dialog of memory and note
  bool continue_page = false;     // as soon as its words are in a session
  std::string rename_session;
  std::string rollback_message;   // asks whether to roll the open session back to this message
  std::string edit_message;
  std::string purge_session;
  std::string load_question;      // the model that may be too large for the free memory
  std::string reveal_session, reveal_message;  // that a search found: scrolled into view when the session is there
  uint64_t reveal_left = 0;  // the revision whose path was left for the found message's branch; 0: none
  std::string label_session;      // its folder and tags are asked for
  FileTask file = FileTask::none;
  std::string file_session;       // of an export
  std::vector<std::string> attach;  // files dropped or chosen, for the composer
};

struct Shell {
  Ui& ui;
  Controller& controller;
  Settings& settings;
  Commands& commands;
  ModelDesk& models;
  Presets& presets;
  Requests ask = {};
  bool find_open = false, outline_open = false;
  bool page_has_words = false;  // the story's page, saved or not
};

// A vertical stack of boxes inside a panel.
struct Column {
  float x, y, width;
  ImRect take(float height, float gap_after = 0) {
    const ImRect box(x, y, x + width, y + height);
    y += height + gap_after;
    return box;
  }
};

// "3 min", "2 h", "Yesterday", "14 Mar": short for the sidebar. "2025-03-14 15:09" for the hover.
std::string relative_time(const Strings& tr, int64_t unix_milliseconds, int64_t now_milliseconds);
std::string exact_time(int64_t unix_milliseconds);
std::string clock_time(int64_t unix_milliseconds);  // "15:09"
int day_of(int64_t unix_milliseconds);              // local days since 1970
std::string short_number(double value);             // "1.2k", "34.5"
bool contains_folded(std::string_view text, std::string_view part);  // case of ASCII letters apart

}  // namespace fabula::gui
