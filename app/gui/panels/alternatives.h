// What else the model could have written: the mouse over a word of its own shows the likeliest tokens of that place with their
// probabilities, and a click on one of them begins a branch there. Only where they were kept with the reply
// (SessionSettings::alternatives) and the tokenizer that wrote it is at hand.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/gui/shell.h"
#include "app/gui/text/text_flow.h"
#include "core/text/tokenizer.h"

namespace fabula::gui {

// Where each token of a reply ends in its text, in bytes; empty: the text is not what these tokens say.
std::vector<size_t> token_ends(const std::shared_ptr<const text::Tokenizer>& tokenizer, const session::Message& message);

// A token as a person reads it: "fox", "…ing" where it goes on with the word before it, "⏎" for a line feed, "" for an end token.
std::string token_words(const text::Tokenizer& tokenizer, int32_t token, bool within_word);

class Alternatives {
 public:
  struct Passage {  // the reply under the mouse; null: there is none
    std::shared_ptr<const session::Message> message;
    size_t begin = 0;  // where its text begins in the flow
  };
  // Once a frame, after the text was drawn with its corner at `text_at`.
  void draw(Shell& shell, text::TextFlow& flow, ImVec2 text_at, const ImRect& area, const Passage& passage);
  void close() { shown_ = {}; }

 private:
  struct Place {
    std::shared_ptr<const session::Message> message;
    size_t token = 0, begin = 0, end = 0;  // bytes of the flow
    bool operator==(const Place&) const = default;
  };
  Place place_under_mouse(Shell& shell, text::TextFlow& flow, ImVec2 text_at, const Passage& passage);
  void draw_list(Shell& shell, ImVec2 below, ImVec2 above, const ImRect& area);
  bool draw_row(Shell& shell, Column& column, size_t number, const std::string& words, float probability, bool drawn);

  Place candidate_, shown_;
  bool within_word_ = false;  // what stands before the place that is shown is no white space
  double candidate_since_ = 0, left_at_ = 0;
  ImRect list_;
  std::shared_ptr<const session::Message> counted_;  // whose ends_ these are
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::vector<size_t> ends_;
};

}  // namespace fabula::gui
