// The part of a reply in which a model thinks before it answers, told apart by the tags that model families write.
#pragma once

#include <string_view>

namespace fabula::gui {

struct Reasoning {
  std::string_view thought;  // without the tags; empty: there is none
  std::string_view answer;   // what comes behind it, or the whole text
  bool open = false;         // the model is still thinking
};

// `text`: a reply, whole or as far as it is written. Where the template itself opens the thought, only its end is in the text.
Reasoning split_reasoning(std::string_view text);

}  // namespace fabula::gui
