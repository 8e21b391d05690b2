// What stands below a model of the library when it is opened: what it would take and how fast it would be in each precision
// and context, and writing it in a smaller type.
#pragma once

#include "app/gui/shell.h"

namespace fabula::gui {

// The report comes by FitDesk::report_or_null(controller.load_of(path)).
void ask_fit(Shell& shell, const std::string& path);
// Weights that leave memory where this mode's model needs the room: its own model's, and those that are only kept.
uint64_t given_back_bytes(const Shell& shell);
std::string fit_words(const Ui& ui, const engine::Fit& fit);                          // "q8_0, context 8,192"
void load_as(Shell& shell, const std::string& path, const engine::Fit& fit);          // in this mode from now on

class ModelDetails {
 public:
  void draw(Shell& shell, Column& column, const model::LibraryEntry& entry);

 private:
  void draw_table(Shell& shell, Column& column, const model::LibraryEntry& entry);
  void draw_quantise(Shell& shell, Column& column, const model::LibraryEntry& entry);
  int type_ = -1;  // of model::quantise_types(); -1: the usual one
};

// The quantisation that is under way, or the end of the last one.
void draw_quantising(Shell& shell, Column& column);

}  // namespace fabula::gui
