// A reply as it streams, told apart: what the model thinks, what it says, which functions it calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/server/tool_formats.h"

namespace fabula::server {

struct ReplyPart {
  enum class Kind { content, reasoning, call };
  Kind kind = Kind::content;
  std::string text;
  ToolCall call;
  size_t index = 0;  // of a call among those of the reply
};

class ReplySplitter {
 public:
  struct Options {
    bool split_reasoning = true;     // <think> ... </think> at the beginning of the reply
    bool starts_in_reasoning = false;  // the prompt has opened it
    const ToolFormat* format = nullptr;  // null: calls are text
    std::vector<std::string> names;      // of the functions; a bare object that names none is text
  };
  explicit ReplySplitter(Options options);

  std::vector<ReplyPart> push(std::string_view piece);
  std::vector<ReplyPart> finish();

 private:
  enum class Stage { start, reasoning, behind_reasoning, content, calls };
  bool step(std::vector<ReplyPart>& out, bool at_end);  // false: nothing can be decided now
  bool step_start(std::vector<ReplyPart>& out, bool at_end);
  bool step_reasoning(std::vector<ReplyPart>& out, bool at_end);
  bool step_content(std::vector<ReplyPart>& out, bool at_end);
  bool step_calls(std::vector<ReplyPart>& out, bool at_end);
  void emit(std::vector<ReplyPart>& out, ReplyPart::Kind kind, size_t bytes);

  Options options_;
  Stage stage_;
  std::string held_;
  bool said_something_ = false;  // content has begun: a { is no call any more
  bool had_calls_ = false;
};

}  // namespace fabula::server
