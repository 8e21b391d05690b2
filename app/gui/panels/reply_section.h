// The part of the right panel that says how replies are written: sampling from its one table, length, seed, stop strings.
// What is changed while a session is open belongs to that session; otherwise to all new ones of the mode.
#pragma once

#include "app/gui/panels/preset_row.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class ReplySection {
 public:
  explicit ReplySection(text::TextEngine& engine);
  void follow(Shell& shell, bool other_session);  // the session or its settings have changed
  void draw(Shell& shell, Column& column);

 private:
  void show(const Ui& ui, const session::SessionSettings& settings);
  void draw_presets(Shell& shell, Column& column);
  void draw_sampler(Shell& shell, Column& column, bool more);
  template <class Field>
  void draw_parameter(Shell& shell, Column& column, const engine::SamplerParameter& p, Field& field);
  void draw_length(Shell& shell, Column& column);
  void draw_texts(Shell& shell, Column& column);
  void draw_grammar(Shell& shell, Column& column);
  void draw_reset(Shell& shell, Column& column);

  text::Editor stop_, seed_, bias_, breakers_, grammar_;
  std::string grammar_error_;
  PresetRow presets_;
  session::SessionSettings reply_;  // as shown; posted when the mouse lets go
  bool changed_ = false, more_ = false;
  bool awaited_ = false;  // what was typed has been posted, and has not come back yet
};

// "END | \n\n": texts stand between bars; \n is a new line, \| a bar.
std::vector<std::string> split_texts(std::string_view shown);
std::string joined_texts(const std::vector<std::string>& texts);
// "13=-2.5, 40=100": token ids and what is added to their logits. What cannot be read is left out; `all` says whether anything was.
std::vector<std::pair<int32_t, float>> split_biases(std::string_view shown, bool& all);
std::string joined_biases(const std::vector<std::pair<int32_t, float>>& biases);

}  // namespace fabula::gui
