// A reply as it streams, told apart: what the model thinks, what it says, which functions it calls. A call is told as soon as its name is
// sure, its arguments follow as the model writes them; one that is written in an unusual order, once it is whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/server/call_stream.h"
#include "app/server/tool_formats.h"

namespace fabula::server {

struct ReplyPart {
  enum class Kind { content, reasoning, call, arguments };  // arguments: a piece of those of the call before
  Kind kind = Kind::content;
  std::string text;  // of a call: its name
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
  enum class Stage { start, reasoning, behind_reasoning, content, calls, arguments, behind_arguments };
  bool step(std::vector<ReplyPart>& out, bool at_end);  // false: nothing can be decided now
  bool step_start(std::vector<ReplyPart>& out, bool at_end);
  bool step_reasoning(std::vector<ReplyPart>& out, bool at_end);
  bool step_content(std::vector<ReplyPart>& out, bool at_end);
  bool step_calls(std::vector<ReplyPart>& out, bool at_end);
  bool take_whole_calls(std::vector<ReplyPart>& out, bool at_end);
  bool step_arguments(std::vector<ReplyPart>& out);
  bool step_behind_arguments(bool at_end);
  bool is_known(const std::string& name) const;
  void emit(std::vector<ReplyPart>& out, ReplyPart::Kind kind, size_t bytes);

  Options options_;
  Stage stage_;
  std::string held_;
  bool said_something_ = false;  // content has begun: a { is no call any more
  bool had_calls_ = false;
  bool in_list_ = false;    // of calls
  ObjectEnd arguments_;     // of the call in progress
  ObjectEnd rest_;          // of the object around them
};

}  // namespace fabula::server
